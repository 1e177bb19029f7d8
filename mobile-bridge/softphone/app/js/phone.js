// The phone of a page: who it is, how it is reached, and its calls. The screens show what it says and call its methods.
import { fromBase64 } from "./bytes.js";
import { Call } from "./call.js";
import { Channel } from "./channel.js";
import { Failure, failureOf } from "./failure.js";
import { enrol, update, whoAmI } from "./identity.js";
import { openMicrophone } from "./media.js";
import { Own } from "./own.js";
import { openVideo } from "./video.js";
import { admitProof, reportProof, sign } from "./proof.js";
import { checkWake } from "./sessionkey.js";
import * as store from "./store.js";
import { believe, done, first, record } from "./wake.js";

const defaults = { microphone: "", speaker: "", camera: "", volume: 0.8 };
const maxCalls = 4;
const crossingEpoch = 1; // the ring attempt of a call that is found under way to this phone

const dialledOf = (number) => number.replace(/[\s().-]/g, "");

/** Phone tells of every change by the event "change", and of what people should hear of by "notice" (detail: text). */
export class Phone extends EventTarget {
	me = null;
	started = false; // me is known
	settings = { ...defaults };
	own = null; // what is the user's
	calls = []; // that are not over, the newest last
	last = null; // the call that ended last, while its end is shown
	history = [];
	registration = null; // of the service worker
	push = { state: "unknown", words: "" }; // on, off, denied, none
	bridge = null; // what the server says of itself
	channel = null;
	#config;

	/** config is {registration: a promise of the service worker's}. */
	constructor(config) {
		super();
		this.#config = config;
	}

	get current() { return this.calls.findLast((c) => c.state !== "ended" && !(c.direction === "incoming" && ["waking", "ringing"].includes(c.state))) ?? null; }
	get waiting() { return this.calls.find((c) => c !== this.current && c.state === "connected") ?? null; } // held while another call is made
	get incoming() { return this.calls.find((c) => c.direction === "incoming" && c.state === "ringing") ?? null; }
	get connected() { return this.channel?.open ?? false; }
	get missed() { return this.history.filter((e) => !e.seen).length; }

	/** start finds out who this is, and becomes reachable. */
	async start() {
		this.me = await whoAmI();
		this.settings = { ...defaults, ...(await store.load("settings")) };
		this.history = await store.calls();
		this.started = true;
		this.#changed();
		this.bridge = await fetch("/bridge.json").then((r) => r.json()).catch(() => null);
		this.registration = await this.#config.registration;
		if (this.me) {
			await this.#awake();
		}
		this.#changed();
	}

	/** enrol makes this browser a phone by a code. */
	async enrol(code) {
		this.me = await enrol(code, []);
		await this.#awake();
		this.#changed();
	}

	async #awake() {
		this.channel = new Channel(this.me);
		this.own = new Own(this.me, () => this.#changed());
		this.own.look().catch(() => {}); // the page says why when it is looked at
		for (const type of ["open", "shut"]) {
			this.channel.addEventListener(type, ({ detail }) => {
				this.trouble = type === "shut" ? detail : null;
				this.#changed();
			});
		}
		this.channel.addEventListener("wake", ({ detail }) => this.#woken(detail));
		this.channel.addEventListener("cancel", ({ detail }) => this.#cancelled(detail));
		this.channel.start();
		await this.#readPush();
		for (const { wake, claims, over } of await store.allWakes()) {
			if (!over && this.me.now() < claims.exp * 1000) {
				this.#ring(wake, claims); // what the service worker began
			}
		}
		// What may have changed while the page was closed: contacts, the keys of the organization, where pushes go.
		update(this.me, this.me.push).then((me) => {
			Object.assign(this.me, me);
			this.#changed();
		}, () => {});
	}

	/** woken takes a call that the channel brings. The anchor hears that the phone is awake, while that is on its way to it. */
	async #woken({ sealed }) {
		const call = await this.take(fromBase64(sealed));
		if (call && !call.over) {
			await this.#report(call, "channel-open");
		}
	}

	/** report tells the anchor how far this phone is with a call, over the channel if there is one: the call goes on without. */
	async #report(call, step) {
		const report = await sign(reportProof, this.me.signing, { aud: call.node, sub: this.me.device, call: call.id, leg: call.leg, step }, this.me.now());
		try {
			this.channel.tell("report", { node: call.node, report });
		} catch (error) {
			console.warn(`The switch was not told ${step}: ${error.message}`);
		}
	}

	/** take takes the bytes of a push or of the channel. It returns the call, or null if there is nothing to ring. */
	async take(payload) {
		try {
			const believed = await believe(payload);
			if (believed?.claims.notice) {
				await this.#late(believed);
				return null;
			}
			return believed && (await this.takeWake(believed));
		} catch (error) {
			if (error.claims && error.code === "key-expired") {
				await this.#late(error);
			}
			return null; // what the organization has not signed for this very device is nobody's call
		}
	}

	/** takeWake takes a wake that was believed here or in the service worker. */
	async takeWake({ wake, claims }) {
		const ofLeg = () => this.calls.find((c) => c.leg === claims.jti);
		const isNew = await first({ wake, claims });
		if (!ofLeg() && !isNew && (await store.wakeOf(claims.jti)).over) {
			return null;
		}
		return ofLeg() ?? this.#ring(wake, claims); // which may have come by another way meanwhile
	}

	#ring(wake, claims) {
		const call = new Call(this.me, wake, claims);
		if (this.calls.some((c) => c.leg === claims.jti) || this.calls.length >= maxCalls) {
			return null;
		}
		this.registration?.active?.postMessage({ type: "mine", leg: call.leg, call: call.id });
		this.#add(call);
		call.ring();
		if (this.#soon === call.leg) {
			this.#soon = "";
			this.answer(call).catch((error) => this.notice(error));
		}
		return call;
	}

	/** answerSoon answers the call of a leg, which the user chose in a notification, when it is here. */
	answerSoon(leg) {
		const call = this.calls.find((c) => c.leg === leg);
		if (call) {
			this.answer(call).catch((error) => this.notice(error));
		} else {
			this.#soon = leg;
		}
	}

	#soon = ""; // the leg of answerSoon

	/** dial places a call, with the camera on if video says so. The microphone is asked for first: without one there is no call. */
	async dial(number, video = false) {
		if (!this.current) {
			await this.#place(number, video);
		}
	}

	/** consult holds the call that goes on, and places another one: the two can be joined then. */
	async consult(number) {
		if (this.current?.state === "connected" && !this.waiting) {
			this.current.hold(true);
			await this.#place(number);
		}
	}

	/** transfer has the other side of the call call a number. */
	async transfer(number) {
		const dialled = dialledOf(number);
		if (dialled) {
			await this.current?.transfer(dialled);
		}
	}

	/** join has the one who is on hold and the one who is called talk to each other. */
	async join() {
		this.waiting?.join(this.current);
	}

	async #place(number, video = false) {
		const dialled = dialledOf(number);
		if (!dialled) {
			return;
		}
		const stream = await openMicrophone(this.settings);
		const call = new Call(this.me, null, null, dialled);
		call.name = this.nameOf(dialled);
		if (video) {
			await this.film(call, true);
		}
		this.#add(call);
		await call.place((dtls) => this.#admit(call, dtls, stream), stream);
	}

	/** admit asks the cloud for a call by a proof of this device, which the bridge only carries. If the callee is calling this phone
	 * at the same time, the two get the one call, which is answered; null, then. That call may be over, which the cloud has not heard yet: over is one
	 * that was crossing, and is. */
	async #admit(call, dtls, stream, over) {
		const admit = await sign(admitProof, this.me.signing, {
			org: this.me.org, sub: this.me.device, dialled: call.number, media: ["audio", "video"], dtls, over,
		}, this.me.now());
		const { designation: { node, key, relay }, crossing } = await this.channel.ask("admit", { admit });
		const claims = await checkWake({ node, key }, this.me, this.me.now());
		if (!crossing || call.over) {
			return { node, key, relay, claims };
		}
		const theirs = await this.takeWake({ wake: { node, key, epoch: crossingEpoch }, claims });
		await theirs?.met;
		if (theirs && !theirs.over) {
			this.calls = this.calls.filter((c) => c !== call);
			call.leave();
			theirs.answer(stream);
			return null;
		}
		if (over) {
			throw new Failure("crossing", "They are calling this phone. Try again");
		}
		return this.#admit(call, dtls, stream, crossing);
	}

	/** film turns the camera of a call on or off. Without a camera the call goes on. */
	async film(call, on) {
		try {
			await call.film(on ? await openVideo(this.settings) : null);
		} catch (error) {
			this.notice(error);
		}
	}

	/** answer takes an incoming call, with the camera on if video says so; one that is going on is held. */
	async answer(call, video = false) {
		const stream = await openMicrophone(this.settings);
		if (video) {
			await this.film(call, true);
		}
		for (const other of this.calls) {
			if (other !== call && other.state === "connected") {
				other.hold(true);
			}
		}
		call.answer(stream);
	}

	/** cancelled takes word that a call is over, for a phone that is not at it: it stops ringing, or is shown as missed. */
	async #cancelled({ call: id, code, words, sealed }) {
		const call = this.calls.find((c) => c.id === id && c.direction === "incoming");
		if (call) {
			call.answeredAt ?? call.cancel(new Failure(code, words));
			return;
		}
		const { claims } = (sealed && (await believe(fromBase64(sealed)).catch((error) => error))) ?? {};
		if (claims && !code.endsWith("elsewhere")) {
			await this.#late({ claims, message: words });
		}
	}

	async #late({ claims, message }) {
		const known = await store.wakeOf(claims.jti);
		if (!known) {
			await done(claims, null);
			if (claims.notice) { // whoever has the page in view, or not
				this.notice(new Error(claims.notice));
				this.registration?.showNotification("Emergency call", { body: claims.notice, tag: `help-${claims.call}`, requireInteraction: true }).catch(() => {});
			}
			await this.#keep({
				call: claims.call, direction: "incoming", name: claims.from.name ?? "", number: claims.from.number, at: claims.iat * 1000,
				seconds: 0, outcome: "missed", code: claims.notice ? "emergency" : "key-expired", words: claims.notice ?? message, seen: false,
			});
		}
	}

	#add(call) {
		this.calls.push(call);
		call.addEventListener("change", () => this.#called(call));
		call.addEventListener("notice", ({ detail }) => this.notice(new Error(detail)));
		this.#changed();
	}

	async #called(call) {
		if (call.over && this.calls.includes(call)) {
			this.calls = this.calls.filter((c) => c !== call);
			this.last = call;
			setTimeout(() => this.last === call && this.dismiss(), call.end.words ? 6000 : 1500);
			this.#changed();
			if (call.end.kind === "declined" && !call.rang) {
				await this.#report(call, "declined"); // its connection to the switch is not there yet
			}
			if (call.leg && call.direction === "incoming") {
				await done({ jti: call.leg, exp: call.expires }, null);
			}
			const elsewhere = /elsewhere$/.test(call.end.code);
			await this.#keep({ ...record(call), seen: elsewhere || record(call).seen });
		}
		if (call.state === "answering") {
			await done({ jti: call.leg, exp: call.expires }, null); // no other window rings for it any more
		}
		this.#changed();
		this.dispatchEvent(new CustomEvent("call", { detail: call }));
	}

	dismiss() {
		this.last = null;
		this.#changed();
	}

	async #keep(entry) {
		await store.keepCall(entry);
		await this.refresh();
	}

	/** refresh reads the recent calls again: the service worker may have written some. */
	async refresh() {
		this.history = await store.calls();
		this.#changed();
	}

	/** looked marks missed calls as seen. */
	async looked() {
		for (const entry of this.history.filter((e) => !e.seen)) {
			await store.keepCall({ ...entry, seen: true });
		}
		await this.refresh();
	}

	async clear() {
		await store.dropCalls();
		await this.refresh();
	}

	nameOf(number) {
		return this.me?.contacts.find((c) => c.number === number)?.name ?? "";
	}

	async set(name, value) {
		this.settings = { ...this.settings, [name]: value };
		await store.save("settings", this.settings);
		if (name === "microphone" && this.current) {
			await this.current.replace(await openMicrophone(this.settings));
		}
		if (name === "camera" && this.current?.video.camera) {
			await this.current.video.replace(await openVideo(this.settings));
		}
		this.#changed();
	}

	/** readPush finds out whether pushes wake this browser. */
	async #readPush() {
		const manager = this.registration?.pushManager;
		const permission = globalThis.Notification?.permission ?? "denied";
		if (!manager || !this.bridge?.vapid) {
			this.push = { state: "none", words: manager ? "This server sends no pushes" : "This browser has no pushes" };
		} else if (permission === "denied") {
			this.push = { state: "denied", words: "Notifications are blocked for this page" };
		} else {
			this.push = { state: (await manager.getSubscription()) ? "on" : "off", words: "" };
		}
		this.#changed();
	}

	/** allowPush asks for notifications and subscribes, so that a closed page is woken. */
	async allowPush() {
		try {
			if ((await Notification.requestPermission()) === "granted") {
				const subscription = await this.registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: this.bridge.vapid });
				const target = { provider: "webpush", app: location.origin, token: JSON.stringify(subscription) };
				Object.assign(this.me, await update(this.me, [target]));
			}
			await this.#readPush();
		} catch (error) {
			this.push = { state: "none", words: `This browser cannot be woken: ${error.message}` };
			this.#changed();
		}
	}

	/** retire leaves the phone to another window, and what rings: what is answered goes on here. */
	retire() {
		this.channel?.stop();
		const ringing = this.calls.filter((c) => c.direction === "incoming" && ["waking", "ringing"].includes(c.state));
		this.calls = this.calls.filter((c) => !ringing.includes(c));
		ringing.forEach((c) => c.leave());
	}

	/** leave makes this browser nobody's phone. */
	async leave() {
		this.calls.forEach((c) => c.hangUp());
		this.channel?.stop();
		await (await this.registration?.pushManager?.getSubscription())?.unsubscribe();
		await update(this.me, []).catch(() => {}); // the device stays in the directory, for an admin to remove
		await store.forget();
		this.me = this.own = null;
		this.history = [];
		this.#changed();
	}

	notice(error) {
		this.dispatchEvent(new CustomEvent("notice", { detail: failureOf(error).message }));
	}

	#changed() {
		this.dispatchEvent(new Event("change"));
	}
}
