// The page: it makes a phone, shows it, and carries out what its user does.
import { codeIn } from "./code.js";
import { devices, openCamera, openMicrophone, Quality } from "./media.js";
import { Phone } from "./phone.js";
import { ended, incoming, ongoing } from "./ui/calling.js";
import { h, morph } from "./ui/dom.js";
import { icon, mark } from "./ui/icons.js";
import { voicemail } from "./ui/own.js";
import { see } from "./ui/pictures.js";
import { blocked, contacts, keypad, recents, settings, welcome } from "./ui/screens.js";
import { endOf, reach, stateOf } from "./ui/text.js";
import { Tones } from "./ui/tones.js";

const root = document.getElementById("app");
const voice = document.getElementById("voice");
const tones = new Tones();
const wide = matchMedia("(min-width: 860px)");

/** view is what is not of the phone: where the user is, and what is being typed. */
const view = {
	tab: "keypad", dialled: "", search: "", onlyMissed: false, enrolling: false, error: "", keys: false, pressed: "", choosing: false,
	sending: false, sendTo: "", focus: "", quality: null, devices: { microphone: [], speaker: [], camera: [] }, allowed: false, blocked: false,
};

const policy = window.trustedTypes?.createPolicy("strowger", { createScriptURL: (url) => (url === "/sw.js" ? url : "") }) ?? { createScriptURL: (url) => url };
const registration = "serviceWorker" in navigator
	? navigator.serviceWorker.register(policy.createScriptURL("/sw.js"), { type: "module" }).then(() => navigator.serviceWorker.ready, () => null)
	: Promise.resolve(null);

const phone = new Phone({ registration });

const act = {
	async enrol(code) {
		Object.assign(view, { enrolling: true, error: "" });
		render();
		try {
			await phone.enrol(code);
			history.replaceState(null, "", "/");
		} catch (error) {
			view.error = error.message;
		}
		view.enrolling = false;
		render();
	},
	async scan() {
		const stream = await openCamera().catch(() => null);
		if (!stream) {
			view.error = "The camera cannot be used. Paste the link instead.";
			render();
			return;
		}
		const seen = Object.assign(document.createElement("video"), { srcObject: stream, muted: true, playsInline: true });
		await seen.play();
		const detector = new BarcodeDetector({ formats: ["qr_code"] });
		for (const end = Date.now() + 30_000; Date.now() < end && !phone.me; ) {
			const [code] = await detector.detect(seen).catch(() => []);
			if (code) {
				await act.enrol(codeIn(code.rawValue));
				break;
			}
			await new Promise((resolve) => setTimeout(resolve, 200));
		}
		stream.getTracks().forEach((t) => t.stop());
	},
	takeOver: () => own(true),
	go(tab) {
		view.tab = tab;
		history.replaceState(null, "", `#${tab}`);
		render();
		root.querySelector(".heading h1")?.focus();
		if (tab === "recents") {
			phone.looked();
		} else if (tab === "voicemail") {
			phone.own?.look().catch(() => {}); // the page says why
		} else if (tab === "settings" && phone.own) {
			tried(phone.own.wish());
		}
	},
	open: (pin) => tried(phone.own.look(pin)),
	play: (id) => tried(phone.own.play(id)),
	remove: (id) => confirm("Delete this message for good?") && tried(phone.own.remove(id)),
	async changePIN(pin) {
		if (await done(phone.own.changePIN(pin))) {
			phone.notice(new Error("The PIN is set."));
		}
	},
	wish: (change) => done(phone.own.wish(change)),
	typed(text) {
		view.dialled = text;
		render();
	},
	digit(k) {
		tones.key(k);
		act.typed(view.dialled + k);
	},
	plus: () => act.typed(`${view.dialled}+`),
	erase: () => act.typed(view.dialled.slice(0, -1)),
	search(text) {
		view.search = text;
		render();
	},
	only(missed) {
		view.onlyMissed = missed;
		render();
	},
	async dial(number, video) {
		await tried(phone.dial(number, video));
		view.dialled = "";
		render();
	},
	answer: (call, video) => tried(phone.answer(call, video)),
	film: (call) => phone.film(call, !call.video.camera),
	decline: (call) => call.hangUp(),
	press(call, k) {
		call.press(k);
		view.pressed = (view.pressed + k).slice(-24);
		render();
	},
	keys() {
		Object.assign(view, { keys: !view.keys, choosing: false, sending: false });
		render();
	},
	sending() {
		Object.assign(view, { sending: !view.sending, keys: false, choosing: false, sendTo: "", focus: view.sending ? "" : "send-to" });
		render();
	},
	sendTyped(text) {
		view.sendTo = text;
		render();
	},
	async send(number) {
		await tried(phone.transfer(number));
		Object.assign(view, { sending: false, sendTo: "" });
		render();
	},
	async consult(number) {
		Object.assign(view, { sending: false, sendTo: "" });
		await tried(phone.consult(number));
		render();
	},
	join: () => tried(phone.join()),
	async choosing() {
		Object.assign(view, { choosing: !view.choosing, keys: false, sending: false });
		await readDevices();
	},
	async choose(kind, id) {
		await tried(phone.set(kind, id));
		if (kind === "speaker") {
			await tried(voice.setSinkId?.(id));
		}
	},
	volume: (v) => phone.set("volume", v),
	async allow() {
		await tried(openMicrophone(phone.settings).then((s) => s.getTracks().forEach((t) => t.stop())));
		await readDevices();
	},
	clear: () => confirm("Clear the list of recent calls on this device?") && phone.clear(),
	leave: () => confirm("Calls will not ring here any more. Remove this phone?") && tried(phone.leave()),
};

/** tried shows what went wrong. */
async function tried(promise) {
	try {
		return await promise;
	} catch (error) {
		return phone.notice(error);
	}
}

/** done says whether something went well, and shows what did not. */
const done = (promise) => promise.then(() => true, (error) => {
	phone.notice(error);
	return false;
});

async function readDevices() {
	view.devices = await devices();
	view.allowed = view.devices.microphone.some((d) => d.id);
	render();
}

const tabs = [["keypad", "Keypad"], ["recents", "Recent"], ["contacts", "Contacts"], ["voicemail", "Voicemail"], ["settings", "Settings"]];
const screens = { recents, contacts, voicemail, settings };

const count = (n, what) => n > 0 && h("em", { class: "count", "aria-label": `${n} ${what}` }, n);

function navigation() {
	const tab = wide.matches && view.tab === "keypad" ? "recents" : view.tab;
	const shown = wide.matches ? tabs.slice(1) : tabs;
	return h("nav", { class: "tabs", "aria-label": "Sections", "data-key": "tabs" },
		h("div", { class: "brand" }, mark(), h("span", { class: "unseen" }, "Strowger")),
		shown.map(([name, label]) => h("button", { type: "button", "aria-current": tab === name ? "page" : null, "data-key": name, onclick: () => act.go(name) },
			icon(name), h("span", {}, label), name === "recents" && count(phone.missed, "missed"), name === "voicemail" && count(phone.own?.mailbox?.new ?? 0, "new"))));
}

function status() {
	const r = reach(phone);
	return h("header", { class: "status", "data-key": "status" },
		h("div", {}, h("b", {}, phone.me.userName), h("span", { class: "muted" }, phone.me.numbers[0] ?? phone.me.orgName)),
		h("span", { class: `chip ${r.state}`, role: "status", title: r.more }, h("span", { class: `dot ${r.state}` }), r.words));
}

/** stage is the place of the call; where there is none it is the keypad's. */
function stage() {
	const ringing = phone.incoming;
	if (ringing) {
		return incoming(phone, ringing, act);
	}
	if (phone.current) {
		return ongoing(phone, phone.current, view, act);
	}
	return phone.last?.end ? ended(phone, phone.last) : null;
}

function screen() {
	if (view.blocked && !phone.current) {
		return blocked(act);
	}
	if (!phone.me) {
		return welcome(view, act);
	}
	const call = stage();
	const tab = wide.matches && view.tab === "keypad" ? "recents" : view.tab;
	return h("div", { class: `phone ${call ? "in-call" : ""}`, "data-key": "phone" },
		navigation(),
		h("div", { class: "side", "data-key": "side", inert: Boolean(call) && !wide.matches }, status(), tab === "keypad" ? keypad(phone, view, act) : screens[tab](phone, view, act)),
		h("main", { class: "main", "data-key": "main" }, call ?? (wide.matches ? keypad(phone, view, act) : null)));
}

let rendering = false;

/** render shows what is, once for all changes of a moment. */
function render() {
	if (!rendering && (phone.started || view.blocked)) {
		rendering = true;
		queueMicrotask(() => {
			rendering = false;
			const fresh = root.cloneNode(false);
			fresh.removeAttribute("aria-busy");
			fresh.append(screen());
			morph(root, fresh);
			if (view.focus) {
				document.getElementById(view.focus)?.focus();
				view.focus = "";
			}
			hear();
			see(root, phone.current);
			sounds();
		});
	}
}

/** hear gives the voice of a call to the element that plays it. */
function hear() {
	const stream = phone.current?.remote ?? null;
	if (voice.srcObject !== stream) {
		voice.srcObject = stream;
	}
}

function sounds() {
	const ringing = phone.incoming;
	const calling = phone.current;
	tones.play(ringing && !calling ? "ring" : calling?.direction === "outgoing" && calling.state === "ringing" && !calling.remote ? "back" : "", phone.settings.volume);
}

/** say tells screen readers. */
function say(text) {
	const region = document.getElementById("announce");
	region.textContent = "";
	setTimeout(() => { region.textContent = text; }, 50);
}

const said = new WeakMap();

function called(call) {
	render();
	const now = call.over ? call.end && endOf(call) : stateOf(call);
	if (now && said.get(call) !== now) {
		said.set(call, now);
		say(`${now}: ${(call.state === "forwarded" && call.forward) || call.name || call.number}`);
		if (call.state === "ringing" && call.direction === "incoming") {
			view.focus = "answer";
			notify(call);
		} else if (call.state === "connected") {
			view.focus = "hang-up";
		}
	}
	if (call.over) {
		Object.assign(view, { keys: false, pressed: "", choosing: false, sending: false, sendTo: "", quality: null });
		phone.registration?.getNotifications({ tag: call.id }).then((all) => all.forEach((n) => n.close()));
	}
	document.title = phone.incoming ? `${call.name || call.number} is calling` : "Strowger";
}

/** notify shows a call where the page is not seen. */
function notify(call) {
	if (document.hidden && globalThis.Notification?.permission === "granted") {
		phone.registration?.showNotification(call.name || call.number, {
			body: "Incoming call", tag: call.id, renotify: true, requireInteraction: true, icon: "/icons/icon-192.png", data: { leg: call.leg },
			actions: [{ action: "answer", title: "Answer" }, { action: "decline", title: "Decline" }],
		});
	}
}

/** own makes this window the one that has the phone, until it is closed or another one takes it. */
function own(steal = false) {
	const mine = async (lock) => {
		view.blocked = !lock;
		render();
		if (lock) {
			await phone.start();
			await begin();
			await new Promise(() => {});
		}
	};
	const given = () => {
		phone.retire();
		view.blocked = true;
		render();
	};
	return navigator.locks.request("strowger", steal ? { steal } : { ifAvailable: true }, mine)
		.catch((error) => (error.name === "AbortError" ? given() : Promise.reject(error)));
}

/** begin does what the address asks for: a tab, an answer, or an enrolment. */
async function begin() {
	const wanted = decodeURIComponent(location.hash.slice(1));
	if (tabs.some(([name]) => name === wanted)) {
		act.go(wanted);
		return;
	}
	history.replaceState(null, "", "/"); // a code is of no more use once it was
	if (wanted.startsWith("answer=")) {
		phone.answerSoon(wanted.slice(7));
	} else if (wanted && phone.me) {
		phone.notice(new Error("This browser is a phone already. Remove it in the settings before you use another link."));
	} else if (wanted) {
		await act.enrol(codeIn(wanted));
	}
}

function listen() {
	phone.addEventListener("change", render);
	phone.addEventListener("call", ({ detail }) => called(detail));
	phone.addEventListener("notice", ({ detail }) => {
		const notice = document.getElementById("notice");
		notice.textContent = detail;
		clearTimeout(listen.notice);
		listen.notice = setTimeout(() => { notice.textContent = ""; }, 8000);
	});
	navigator.serviceWorker?.addEventListener("message", ({ data, ports }) => fromWorker(data, ports[0]));
	addEventListener("online", () => phone.channel?.moved()); // calls see to themselves
	addEventListener("offline", render);
	navigator.connection?.addEventListener("change", () => phone.channel?.nudge());
	addEventListener("pagehide", () => phone.calls.forEach((call) => call.answeredAt && call.hangUp()));
	document.addEventListener("visibilitychange", () => !document.hidden && (phone.channel?.nudge(), phone.refresh()));
	navigator.mediaDevices?.addEventListener("devicechange", readDevices);
	wide.addEventListener("change", render);
	document.addEventListener("keydown", shortcut);
	setInterval(async () => {
		const call = phone.current;
		if (call?.state === "connected") {
			call.meter ??= new Quality();
			view.quality = await call.meter.read(call.connection).catch(() => null);
			render();
		}
	}, 1000);
}

function fromWorker(data, port) {
	const call = phone.calls.find((c) => c.leg === data.leg);
	switch (data.type) {
		case "wake":
			if (phone.me && !view.blocked) {
				port.postMessage("taken");
				phone.takeWake(data);
			}
			break;
		case "answer":
			call && act.answer(call);
			break;
		case "decline":
			call?.hangUp();
			break;
		case "recents":
			act.go("recents");
	}
}

function shortcut(e) {
	const call = phone.current;
	if (e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.nodeName)) {
		return;
	}
	if (call?.state === "connected") {
		if (e.key === "m" || e.key === "M") {
			call.mute(!call.muted);
		} else if (e.key === "h" || e.key === "H") {
			call.hold(!call.held);
		} else if ((e.key === "v" || e.key === "V") && call.direct && !call.held) {
			act.film(call);
		} else if (/^[0-9*#]$/.test(e.key)) {
			act.press(call, e.key);
		}
	} else if (call?.state === "queued" && e.key === "1") { // what is said on the phone
		call.keepPlace();
	} else if (phone.me && !call && !phone.incoming && /^[0-9*#+]$/.test(e.key) && (wide.matches || view.tab === "keypad")) {
		document.getElementById("number")?.focus();
	}
}

if (tabs.some(([name]) => `#${name}` === location.hash)) {
	view.tab = location.hash.slice(1);
}
listen();
readDevices();
own();
