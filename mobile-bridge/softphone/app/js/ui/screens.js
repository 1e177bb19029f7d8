// The screens beside a call: welcome, keypad, recent calls, contacts, settings. Each is made anew from the phone's state.
import { codeIn } from "../code.js";
import { h } from "./dom.js";
import { icon, mark } from "./icons.js";
import { wishes } from "./own.js";
import { day, initials, reach, shade, spoken, time } from "./text.js";

export const avatar = (name, size = "") => {
	const letters = initials(name);
	return h("span", { class: `avatar shade-${shade(name || "?")} ${size}`, "aria-hidden": "true" }, /\p{L}/u.test(letters) ? letters : icon("contacts"));
};

/** welcome is what a browser shows that is nobody's phone yet. */
export function welcome(view, act) {
	const camera = "BarcodeDetector" in window && h("button", { type: "button", class: "quiet", onclick: act.scan }, "Scan a QR code");
	return h("main", { class: "welcome", "data-key": "welcome" },
		h("div", { class: "brand" }, mark(), h("span", {}, "Strowger")),
		h("h1", {}, "Make this browser your phone"),
		h("p", { class: "lead" }, "Open the link that your administrator gave you, or paste it here. It works once, for one hour."),
		h("form", {
			class: "card enrol", novalidate: true,
			onsubmit: (e) => {
				e.preventDefault();
				act.enrol(codeIn(new FormData(e.target).get("code")));
			},
		},
		h("label", { for: "code" }, "Link or code"),
		h("textarea", {
			id: "code", name: "code", rows: "3", required: true, autocomplete: "off", spellcheck: "false", autocapitalize: "none", "data-own": true,
			placeholder: "xxxxx-xxxxx-xxxxx-…", disabled: view.enrolling, "aria-describedby": "enrol-error", "aria-invalid": view.error ? "true" : null,
		}),
		h("p", { id: "enrol-error", class: "error", role: "alert" }, view.error || ""),
		h("div", { class: "row" },
			h("button", { class: "primary", disabled: view.enrolling }, view.enrolling ? "Setting up…" : "Set up this phone"), camera)),
		h("p", { class: "fine" }, "Its keys are made in this browser and never leave it."),
	);
}

/** blocked is shown where another window has the phone. */
export const blocked = (act) => h("main", { class: "welcome", "data-key": "blocked" },
	h("div", { class: "brand" }, mark(), h("span", {}, "Strowger")),
	h("h1", {}, "Your phone is open in another window"),
	h("p", { class: "lead" }, "Calls ring there. A phone has one window at a time."),
	h("div", { class: "row" }, h("button", { class: "primary", onclick: act.takeOver }, "Use it here")));

const letters = { 1: "", 2: "ABC", 3: "DEF", 4: "GHI", 5: "JKL", 6: "MNO", 7: "PQRS", 8: "TUV", 9: "WXYZ", "*": "", 0: "+", "#": "" };

/** pad is twelve keys; press gets each, and plus when 0 is held. */
export function pad(press, plus) {
	const key = (k) => {
		let held;
		return h("button", {
			type: "button", class: "key", "data-key": `key-${k}`, "aria-label": { "*": "Star", "#": "Hash" }[k] ?? k,
			onpointerdown: () => { held = plus && k === "0" ? setTimeout(() => { held = null; plus(); }, 600) : undefined; },
			onpointerleave: () => clearTimeout(held),
			onclick: () => {
				if (held !== null) {
					clearTimeout(held);
					press(k);
				}
				held = undefined;
			},
		}, h("span", { class: "digit" }, k), h("span", { class: "letters", "aria-hidden": "true" }, letters[k]));
	};
	return h("div", { class: "pad", role: "group", "aria-label": "Keypad" }, ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"].map(key));
}

export function keypad(phone, view, act) {
	const found = matches(phone, view.dialled).slice(0, 3);
	const none = phone.connected ? null : reach(phone).words;
	return h("section", { class: "dial", "aria-label": "Keypad", "data-key": "dial" },
		h("form", {
			onsubmit: (e) => {
				e.preventDefault();
				act.dial(view.dialled);
			},
		},
		h("div", { class: "number" },
			h("ul", { class: "found", "aria-label": "Contacts found" }, found.map((c) => h("li", { "data-key": c.number },
				h("button", { type: "button", class: "item", onclick: () => act.dial(c.number) }, avatar(c.name, "small"),
					h("span", { class: "who" }, h("b", {}, c.name), h("span", { class: "muted" }, c.number)))))),
			h("input", {
				id: "number", type: "tel", value: view.dialled, autocomplete: "off", "aria-label": "Number", placeholder: "Number or name",
				oninput: (e) => act.typed(e.target.value),
			}),
			view.dialled && h("button", { type: "button", class: "bare", "aria-label": "Delete last digit", onclick: act.erase }, icon("back"))),
		pad(act.digit, act.plus),
		h("div", { class: "row place" },
			h("button", { class: "round call", disabled: !view.dialled || none, "aria-label": none ? `Call: ${none}` : "Call" }, icon("call")),
			h("button", {
				type: "button", class: "bare film", disabled: !view.dialled || none, title: "Video call", "aria-label": none ? `Video call: ${none}` : "Video call",
				onclick: () => act.dial(view.dialled, true),
			}, icon("camera"))),
		h("p", { class: "fine center", role: "status" }, none ? `${none}: calls cannot be made now` : "")));
}

/** matches are the contacts that a number or the beginning of a name finds. */
export function matches(phone, input) {
	const wanted = input.trim().toLowerCase();
	if (!wanted) {
		return [];
	}
	const contacts = phone.me?.contacts ?? [];
	return contacts.filter((c) => c.number.startsWith(wanted) || c.name.toLowerCase().split(/\s+/).some((w) => w.startsWith(wanted)));
}

const heading = (text, ...more) => h("header", { class: "heading" }, h("h1", { tabindex: "-1" }, text), more);

const empty = (name, title, words) => h("div", { class: "empty" }, icon(name), h("h2", {}, title), h("p", {}, words));

export function recents(phone, view, act) {
	const shown = phone.history.filter((e) => !view.onlyMissed || missed(e));
	const groups = Object.groupBy(shown, (e) => day(e.at));
	return h("section", { class: "list", "data-key": "recents", "aria-label": "Recent calls" },
		heading("Recent", h("div", { class: "segments", role: "group", "aria-label": "Which calls" },
			[["All", false], ["Missed", true]].map(([name, only]) => h("button", {
				type: "button", "aria-pressed": String(view.onlyMissed === only), onclick: () => act.only(only),
			}, name)))),
		shown.length === 0 && empty("recents", view.onlyMissed ? "No missed calls" : "No calls yet", "Calls that you make and get are listed here, on this device only."),
		Object.entries(groups).map(([name, entries]) => h("div", { "data-key": name },
			h("h2", { class: "group" }, name), h("ul", {}, entries.map((e) => recent(e, act))))));
}

const missed = (e) => e.direction === "incoming" && ["missed", "cancelled"].includes(e.outcome) && !e.code?.endsWith("elsewhere");

function recent(e, act) {
	const [kind, said] = missed(e) ? ["missed", "Missed call from"] : [e.direction, e.direction === "outgoing" ? "You called" : "Call from"];
	const name = e.name || e.number;
	const note = e.seconds ? spoken(e.seconds) : e.words || { declined: "Declined" }[e.outcome] || (e.name ? "" : { missed: "Missed" }[kind] ?? "");
	return h("li", { "data-key": e.call },
		h("button", { type: "button", class: `item ${kind}`, "aria-label": `${said} ${name}, ${time(e.at)}. ${note}. Call back`, onclick: () => act.dial(e.number) },
			avatar(name), h("span", { class: "who" }, h("b", {}, name), h("span", { class: "muted" }, icon(kind), h("span", {}, note || e.number))),
			h("time", { class: "muted", datetime: new Date(e.at).toISOString() }, time(e.at))));
}

export function contacts(phone, view, act) {
	const all = phone.me.contacts;
	const shown = view.search ? matches(phone, view.search) : all;
	const groups = Object.groupBy(shown, (c) => (/\p{L}/u.test(c.name[0] ?? "") ? c.name[0].toUpperCase() : "#"));
	return h("section", { class: "list", "data-key": "contacts", "aria-label": "Contacts" },
		heading("Contacts"),
		all.length > 0 && h("div", { class: "search" }, icon("search"), h("input", {
			id: "search", type: "search", value: view.search, placeholder: "Name or number", "aria-label": "Search contacts", autocomplete: "off", oninput: (e) => act.search(e.target.value),
		})),
		all.length === 0 && empty("contacts", "No contacts", "The people of your organization who can be called are listed here."),
		all.length > 0 && shown.length === 0 && empty("search", "Nobody found", "Try another spelling, or dial the number."),
		Object.entries(groups).sort(([a], [b]) => a.localeCompare(b)).map(([name, people]) => h("div", { "data-key": name },
			h("h2", { class: "group" }, name), h("ul", {}, people.map((c) => h("li", { "data-key": c.number, class: "ways" },
				h("button", { type: "button", class: "item", "aria-label": `Call ${c.name}, ${c.number}`, onclick: () => act.dial(c.number) },
					avatar(c.name), h("span", { class: "who" }, h("b", {}, c.name), h("span", { class: "muted" }, c.number)), h("span", { class: "muted" }, icon("call"))),
				h("button", { type: "button", class: "bare", title: "Video call", "aria-label": `Video call ${c.name}, ${c.number}`, onclick: () => act.dial(c.number, true) }, icon("camera"))))))));
}

export function chooser(kind, label, phone, view, act) {
	const list = view.devices[kind];
	return h("div", { class: "field" }, h("label", { for: `choose-${kind}` }, label),
		h("select", { id: `choose-${kind}`, onchange: (e) => act.choose(kind, e.target.value), disabled: list.length === 0 },
			h("option", { value: "", selected: phone.settings[kind] === "" }, list.length === 0 ? "None" : "The system’s choice"),
			list.map((d) => h("option", { value: d.id, selected: phone.settings[kind] === d.id }, d.label))));
}

export function settings(phone, view, act) {
	const { me, push } = phone;
	const r = reach(phone);
	return h("section", { class: "list settings", "data-key": "settings", "aria-label": "Settings" },
		heading("Settings"),
		h("div", { class: "card person" }, avatar(me.userName, "large"),
			h("div", { class: "who" }, h("b", {}, me.userName), h("span", { class: "muted" }, [me.numbers.join(", "), me.orgName].filter(Boolean).join(" · ")))),
		h("h2", { class: "group" }, "Being reached"),
		h("div", { class: "card" },
			h("div", { class: "line" }, h("span", { class: `dot ${r.state}` }), h("div", {}, h("b", {}, r.words), h("p", { class: "muted" }, r.more))),
			push.state === "off" && h("button", { type: "button", class: "primary", onclick: () => phone.allowPush() }, icon("bell"), "Ring when this page is closed"),
			["denied", "none"].includes(push.state) && h("p", { class: "muted" }, `${push.words}. ${push.state === "denied" ? "Allow them beside the address." : "Keep this page open."}`)),
		h("h2", { class: "group" }, "Calls to you"), wishes(phone, act),
		h("h2", { class: "group" }, "Sound and camera"),
		h("div", { class: "card" }, chooser("microphone", "Microphone", phone, view, act), chooser("speaker", "Speaker", phone, view, act),
			chooser("camera", "Camera", phone, view, act),
			h("div", { class: "field" }, h("label", { for: "volume" }, "Ring volume"),
				h("input", { id: "volume", type: "range", min: "0", max: "1", step: "0.1", value: phone.settings.volume, onchange: (e) => act.volume(Number(e.target.value)) })),
			!view.allowed && h("button", { type: "button", class: "quiet", onclick: act.allow }, icon("mic"), "Allow the microphone")),
		h("h2", { class: "group" }, "This phone"),
		h("div", { class: "card" },
			h("div", { class: "line" }, h("div", {}, h("b", {}, me.deviceName), h("p", { class: "muted" }, "Its signing key was made here and cannot be copied."))),
			h("div", { class: "row" }, h("button", { type: "button", class: "quiet", onclick: act.clear }, icon("trash"), "Clear recent calls"),
				h("button", { type: "button", class: "quiet danger", onclick: act.leave }, "Remove this phone"))));
}
