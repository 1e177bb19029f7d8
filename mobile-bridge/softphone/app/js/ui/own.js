// The screens of what is the user's: voicemail, and what becomes of calls to them.
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { clock, day, spoken, time } from "./text.js";

const people = (n, one) => `${n} ${one}${n === 1 ? "" : "s"}`;

export function voicemail(phone, view, act) {
	const { own } = phone;
	const { mailbox, pin } = own;
	return h("section", { class: "list", "data-key": "voicemail", "aria-label": "Voicemail" },
		h("header", { class: "heading" }, h("h1", { tabindex: "-1" }, "Voicemail"),
			pin && h("button", { type: "button", class: "quiet", onclick: () => own.lock() }, "Close")),
		own.trouble && h("div", { class: "empty", role: "status" }, icon("voicemail"), h("h2", {}, "No voicemail"), h("p", {}, own.trouble)),
		!own.trouble && mailbox && h("p", { class: "muted", role: "status" }, `${people(mailbox.new, "new message")}, ${mailbox.old} heard`),
		!own.trouble && (pin ? messages(own, act) : opener(mailbox, act)));
}

function opener(mailbox, act) {
	if (mailbox?.no_pin) {
		return chooser("First PIN", "Choose a PIN", "4 to 12 digits. You press it at a desk phone to hear your messages, and enter it here.", act);
	}
	const locked = mailbox?.locked_until && h("p", { class: "muted" }, `The mailbox is locked until ${time(mailbox.locked_until)}.`);
	return h("form", { class: "card", "data-key": "pin", onsubmit: (e) => {
		e.preventDefault();
		act.open(e.target.elements.pin.value);
		e.target.reset();
	} },
	h("div", { class: "field" }, h("label", { for: "pin" }, "PIN of your mailbox"),
		h("input", { id: "pin", name: "pin", type: "password", inputmode: "numeric", autocomplete: "off", minlength: "4", maxlength: "12", required: true })),
	locked, h("p", { class: "muted" }, "It is the one that you press at a desk phone. It is not kept when this page is closed."),
	h("button", { class: "primary" }, "Open"));
}

function messages(own, act) {
	const items = own.mailbox?.items ?? [];
	return [h("ul", { "data-key": "messages" }, items.map((m) => message(own, m, act))),
		h("details", { class: "card", "data-key": "new-pin", "aria-label": "Another PIN" }, h("summary", {}, "Another PIN"),
			fresh("Change", act))];
}

/** chooser asks for the first PIN. */
function chooser(label, title, why, act) {
	return h("div", { class: "card", "data-key": "first-pin", "aria-label": label }, h("h2", {}, title), h("p", { class: "muted" }, why), fresh("Choose", act));
}

function fresh(word, act) {
	return h("form", { class: "row", onsubmit: (e) => {
		e.preventDefault();
		act.changePIN(e.target.elements.fresh.value);
		e.target.reset();
	} }, h("input", { name: "fresh", type: "password", inputmode: "numeric", autocomplete: "new-password", minlength: "4", maxlength: "12", required: true, "aria-label": "New PIN, 4 to 12 digits" }),
	h("button", { class: "quiet" }, word));
}

function message(own, m, act) {
	const from = m.from?.name || m.from?.number || "Unknown caller";
	const when = `${day(m.at)}, ${time(m.at)}`;
	const playing = own.playing?.id === m.id;
	return h("li", { "data-key": m.id },
		h("div", { class: "ways" },
			h("button", { type: "button", class: `item ${m.heard ? "" : "missed"}`, "aria-label": `Play ${m.heard ? "the" : "the new"} message of ${from}, ${when}, ${spoken(Math.round(m.seconds))}`, onclick: () => act.play(m.id) },
				icon("play"), h("span", { class: "who" }, h("b", {}, from), h("span", { class: "muted" }, `${when} · ${clock(m.seconds)}${m.cut ? " · cut off" : ""}`))),
			m.from?.number && h("button", { type: "button", class: "bare", "aria-label": `Call ${from}`, title: "Call back", onclick: () => act.dial(m.from.number) }, icon("call")),
			h("button", { type: "button", class: "bare", "aria-label": `Delete the message of ${from}, ${when}`, title: "Delete", onclick: () => act.remove(m.id) }, icon("trash"))),
		playing && h("audio", { controls: true, autoplay: true, src: own.playing.url, "data-own": "", "aria-label": `Message of ${from}` }));
}

const forwards = [
	["forward_always", "All calls", "They go there at once"], ["forward_busy", "When busy", ""], ["forward_no_answer", "When nobody answers", ""], ["forward_unreachable", "When no phone is reached", ""],
];

/** wishes is what becomes of calls to the user; act.wish says whether a change was taken. */
export function wishes(phone, act) {
	const w = phone.own?.wishes;
	if (!w) {
		return h("div", { class: "card", "data-key": "wishes" }, h("p", { class: "muted", role: "status" }, "What becomes of your calls is asked for."));
	}
	return h("div", { class: "card", "data-key": "wishes" },
		check("dnd", "Do not disturb", w.dnd, (on) => act.wish({ dnd: on })),
		check("waiting", "Calls ring while you are in one", !w.no_call_waiting, (on) => act.wish({ call_waiting: on })),
		forwards.map(([name, label, hint]) => number(`wish-${name}`, `Forward: ${label.toLowerCase()}`, w[name] ?? "", hint, (to) => act.wish({ [name]: to }))),
		w.forward_no_answer && h("div", { class: "field" }, h("label", { for: "forward-seconds" }, "Seconds until then; 0: as long as your phones ring"),
			h("input", { id: "forward-seconds", type: "number", min: "0", max: "300", value: String(w.forward_seconds ?? 0), onchange: kept(w.forward_seconds ?? 0, (v) => act.wish({ forward_seconds: Number(v) })) })),
		hours(w, act), (w.schedules ?? []).map((s) => schedule(s, act)),
		check("intercom", "Your desk phones answer by themselves when a colleague dials the intercom code", !w.no_intercom, (on) => act.wish({ intercom: on })),
		choice("lamp", "Who sees whether you are on the phone", lamps, w.lamp ?? "", (lamp) => act.wish({ lamp })),
		rules(w.caller_rules ?? [], act), blocked(w, act), speed(w.speed_dial ?? {}, act));
}

/** kept is a handler that puts back what was there when a change is refused. */
const kept = (was, change) => async (e) => {
	const field = e.target;
	if (!(await change(field.value.trim()))) {
		field.value = was;
	}
};

const check = (id, label, on, change) => h("label", { class: "line check" },
	h("input", { id, type: "checkbox", checked: on, onchange: async (e) => {
		const { target } = e;
		if (!(await change(target.checked))) {
			target.checked = on;
		}
	} }), label);

const number = (id, label, value, hint, change) => h("div", { class: "field" }, h("label", { for: id }, label),
	h("input", { id, type: "tel", value, placeholder: hint || "Nowhere", autocomplete: "off", onchange: kept(value, change) }));

const text = (id, label, value, change) => h("div", { class: "field" }, h("label", { for: id }, label),
	h("input", { id, value, maxlength: "100", autocomplete: "off", onchange: kept(value, change) }));

const choice = (id, label, options, value, change) => h("div", { class: "field", "data-key": id }, h("label", { for: id }, label),
	h("select", { id, onchange: kept(value, change) }, options.map(([v, words]) => h("option", { value: v, selected: value === v }, words))));

const lamps = [["", "As the organization says"], ["public", "Everybody in the organization"], ["private", "Only who may pick up your calls"]];

function schedule(s, act) {
	const states = [["", `By the clock (${s.open ? "open" : "closed"} now)`], ["open", "Open"], ["closed", "Closed"]];
	return choice(s.id, `Hours: ${s.name}`, states, s.override ?? "", (state) => act.wish({ override: { schedule: s.id, state } }));
}

/** hours is when the user is called: in those of a schedule that they may open and close, or that an administrator has set. */
function hours(w, act) {
	const { schedule: at = "", closed_to = "", closed_words = "" } = w;
	const all = (w.schedules ?? []).map((s) => [s.id, `In the hours of ${s.name}`]);
	if (at && !all.some(([id]) => id === at)) {
		all.push([at, "In the hours that an administrator set"]);
	}
	if (!all.length) {
		return null;
	}
	const set = (change) => act.wish({ hours: { schedule: at, closed_to, closed_words, ...change } });
	return [choice("hours", "When you are called", [["", "Always"], ...all], at, (v) => (v ? set({ schedule: v }) : act.wish({ hours: {} }))),
		at && number("closed-to", "Forward: in other hours", closed_to, "", (to) => set({ closed_to: to })),
		at && text("closed-words", "What callers are told then", closed_words, (words) => set({ closed_words: words }))];
}

const remove = (words, onclick) => h("button", { type: "button", class: "bare", "aria-label": words, title: "Remove", onclick }, icon("trash"));

/** part is a list of things with a form for another one. */
function part(key, title, entries, fields, add) {
	return h("details", { "data-key": key, "aria-label": title }, h("summary", {}, entries.length ? `${title} (${entries.length})` : title),
		h("ul", {}, entries.map(([id, words, gone]) => h("li", { class: "ways", "data-key": id }, h("span", { class: "who" }, words), remove(`Remove ${words}`, gone)))),
		h("form", { class: "row", onsubmit: async (e) => {
			e.preventDefault();
			const form = e.target;
			if (await add(form.elements)) {
				form.reset();
			}
		} }, fields, h("button", { class: "quiet" }, "Add")));
}

const field = (name, label, more = {}) => h("input", { name, "aria-label": label, placeholder: label, autocomplete: "off", required: true, ...more });

const doing = { ring: "Always rings", forward: "Forwarded to", refuse: "Refused" };

function rules(all, act) {
	const set = (caller_rules) => act.wish({ caller_rules });
	return part("rules", "Some callers", all.map((r, i) => [`${i} ${r.caller}`, `${r.caller || "Everybody"}: ${doing[r.do]} ${r.to ?? ""}`.trim(), () => set(all.filter((x) => x !== r))]), [
		field("caller", "Number, extension, +4930*, inside, outside or withheld"),
		h("select", { name: "do", "aria-label": "What becomes of their calls" }, Object.entries(doing).map(([v, words]) => h("option", { value: v }, words))),
		field("to", "Where to, if forwarded", { required: false, type: "tel" }),
	], (f) => set([...all, { caller: f.caller.value.trim(), do: f.do.value, ...(f.do.value === "forward" && { to: f.to.value.trim() }) }]));
}

const blocked = ({ blocked: all = [], blocked_words: words = "" }, act) => [
	part("blocked", "Blocked callers", all.map((v) => [v, v, () => act.wish({ unblock: [v] })]),
		field("caller", "Number, extension, +4930* or withheld"), (f) => act.wish({ block: [f.caller.value.trim()] })),
	all.length > 0 && text("blocked-words", "What blocked callers are told", words, (v) => act.wish({ blocked_words: v }))];

const speed = (all, act) => part("speed", "Speed dial", Object.entries(all).sort().map(([code, to]) => [code, `*0${code}: ${to}`, () => act.wish({ speed_dial: { [code]: "" } })]),
	[field("code", "Two digits", { pattern: "[0-9]{2}", maxlength: "2", inputmode: "numeric" }), field("to", "Number", { type: "tel" })],
	(f) => act.wish({ speed_dial: { [f.code.value]: f.to.value.trim() } }));
