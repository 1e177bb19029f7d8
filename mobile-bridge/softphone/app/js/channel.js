// The channel of a phone that is awake: package channel. It comes back by itself after a drop, and goes on where it was.
import { randomId } from "./bytes.js";
import { Failure } from "./failure.js";
import { channelProof, sign } from "./proof.js";

const subprotocol = "strowger-channel.1";
const pingEvery = 25_000;
const pongWithin = 10_000;
const probeWithin = 3_000;
const helloTime = 10_000;
const openWithin = 5_000; // that a request waits for the channel
const askWithin = 10_000;
const maxUnacked = 64;
const firstWait = 500;
const lastWait = 30_000;
const switchedOff = 30_000; // until it asks whether an administrator has enabled it again
const final = ["revoked", "wrong-presenter", "conflict", "upgrade-needed"]; // until somebody does something
const unnumbered = ["challenge", "welcome", "ack", "pong", "bye"];

/** Session is what one side remembers between connections; pure. */
export class Session {
	sent = 0;
	received = 0;
	unacked = []; // frames, the last of those sent

	put(frame) {
		if (this.unacked.length >= maxUnacked) {
			throw new Failure("congested", "The bridge does not answer");
		}
		const numbered = { ...frame, seq: ++this.sent };
		this.unacked.push(numbered);
		return numbered;
	}

	/** take says whether a numbered frame is new; a gap ends the session. */
	take(seq) {
		if (seq > this.received + 1) {
			throw new Failure("invalid", `frame ${seq} follows frame ${this.received}`);
		}
		const fresh = seq === this.received + 1;
		this.received = Math.max(this.received, seq);
		return fresh;
	}

	acked(received) {
		if (received > this.sent) {
			throw new Failure("invalid", `frame ${received} is acknowledged, ${this.sent} were sent`);
		}
		this.unacked = this.unacked.filter((f) => f.seq > received);
	}
}

/** Channel tells by events: "open", "shut" (detail: a Failure, final or not), and each frame of the bridge by its type. */
export class Channel extends EventTarget {
	open = false;
	#me;
	#url;
	#socket = null;
	#session = new Session();
	#resume = null;
	#answers = new Map(); // of requests, by number
	#tries = 0;
	#order = 0; // of the last connection
	#timers = new Set();
	#stopped = true;

	constructor(me, url = `${location.origin.replace(/^http/, "ws")}/channel`) {
		super();
		this.#me = me;
		this.#url = url;
	}

	start() {
		if (this.#stopped) {
			this.#stopped = false;
			this.#connect();
		}
	}

	stop() {
		this.#stopped = true;
		this.#shut(null);
		this.#socket?.close();
	}

	/** nudge finds out at once whether the bridge is there, after a sleep, say, and connects instead of at the end of a wait. */
	nudge() {
		if (this.open) {
			this.#probe(probeWithin);
		} else if (!this.#stopped && !this.#socket) {
			this.#tries = 0;
			this.#connect();
		}
	}

	/** moved is told when the device is on another network: what was open leads nowhere. */
	moved() {
		this.#abandon(this.#socket);
		this.nudge();
	}

	/** ask sends a request, as soon as the channel is open, and returns its answer; a refusal is a Failure. */
	async ask(type, body) {
		this.nudge();
		const open = new Promise((resolve) => (this.open ? resolve(true) : this.addEventListener("open", () => resolve(true), { once: true })));
		if (!(await Promise.race([open, new Promise((resolve) => setTimeout(resolve, openWithin))]))) {
			throw new Failure("offline", "This phone has no connection. Check the network and try again");
		}
		const { seq } = this.#put({ type, ...body });
		const answer = await new Promise((resolve, reject) => {
			this.#answers.set(seq, { resolve, reject });
			setTimeout(() => reject(new Failure("cloud-away", "The directory does not answer")), askWithin);
		}).finally(() => this.#answers.delete(seq));
		if (answer.error) {
			throw new Failure(answer.error.code, answer.error.words);
		}
		return answer;
	}

	/** tell sends what wants no answer; without a channel nothing is told. */
	tell(type, body) {
		if (this.#resume) {
			this.#put({ type, ...body });
		}
	}

	#put(frame) {
		const numbered = this.#session.put(frame);
		this.#write(numbered);
		return numbered;
	}

	#write(frame) {
		if (this.open) {
			this.#socket.send(JSON.stringify(frame));
		}
	}

	#after(ms, f) {
		const timer = setTimeout(() => {
			this.#timers.delete(timer);
			f();
		}, ms);
		this.#timers.add(timer);
		return timer;
	}

	#connect() {
		clearTimeout(this.retry);
		this.bye = null;
		const socket = new WebSocket(this.#url, subprotocol);
		this.#socket = socket;
		this.#after(helloTime, () => this.open || socket.close());
		socket.onmessage = async ({ data }) => {
			try {
				if (socket === this.#socket) {
					await this.#take(JSON.parse(data));
				}
			} catch {
				this.#resume = null; // a session that cannot be read is over
				socket.close();
			}
		};
		socket.onclose = () => socket === this.#socket && this.#dropped();
	}

	/** abandon ends a connection without waiting for the other side to agree, which may be gone. */
	#abandon(socket) {
		if (socket && socket === this.#socket) {
			socket.close();
			this.#dropped();
		}
	}

	#dropped() {
		this.#socket = null;
		this.#shut(this.bye ?? new Failure("offline", "The bridge is not reached"));
		if (this.#stopped || final.includes(this.bye?.code)) {
			return;
		}
		const wait = this.bye?.code === "disabled" ? switchedOff : Math.min(firstWait * 2 ** this.#tries++, lastWait);
		this.retry = setTimeout(() => this.#connect(), wait * (0.5 + Math.random()));
	}

	#shut(why) {
		this.#timers.forEach(clearTimeout);
		this.#timers.clear();
		const was = this.open;
		this.open = false;
		if (why || was) {
			this.dispatchEvent(new CustomEvent("shut", { detail: why }));
		}
	}

	async #take(frame) {
		if (frame.received !== undefined && frame.type !== "welcome") {
			this.#session.acked(frame.received);
		}
		if (unnumbered.includes(frame.type)) {
			await this.#control(frame);
			return;
		}
		if (this.#session.take(frame.seq)) {
			const waiting = frame.re && this.#answers.get(frame.re);
			waiting ? waiting.resolve(frame) : this.dispatchEvent(new CustomEvent(frame.type, { detail: frame }));
		}
		this.#write({ type: "ack", received: this.#session.received });
	}

	async #control(frame) {
		switch (frame.type) {
			case "challenge":
				return this.#hello(frame);
			case "welcome":
				return this.#welcomed(frame);
			case "pong":
				clearTimeout(this.silent);
				return undefined;
			case "bye":
				this.bye = new Failure(frame.code, frame.words);
				this.#resume = null;
				return undefined;
		}
	}

	async #hello({ bridge, nonce }) {
		this.#order = Math.max(this.#order + 1, Date.now()); // a clock that was set back makes no earlier channel
		const proof = await sign(channelProof, this.#me.signing, {
			aud: bridge, nonce, sub: this.#me.device, order: this.#order, jti: randomId(),
		}, this.#me.now());
		this.#socket?.send(JSON.stringify({
			type: "hello", proof, ...(this.#resume && { resume: this.#resume, received: this.#session.received }),
		}));
	}

	#welcomed({ resume, resumed, received = 0 }) {
		if (!resumed) {
			this.#session = new Session();
			this.#answers.forEach(({ reject }) => reject(new Failure("offline", "The connection was lost. Try again")));
		} else {
			this.#session.acked(received);
		}
		this.#resume = resume;
		this.#tries = 0;
		this.open = true;
		this.#session.unacked.forEach((f) => this.#write(f));
		this.#ping();
		this.dispatchEvent(new Event("open"));
	}

	#ping() {
		this.#after(pingEvery, () => {
			this.#probe(pongWithin);
			this.#ping();
		});
	}

	#probe(within) {
		const socket = this.#socket;
		this.#write({ type: "ping" });
		clearTimeout(this.silent);
		this.silent = this.#after(within, () => this.#abandon(socket));
	}
}
