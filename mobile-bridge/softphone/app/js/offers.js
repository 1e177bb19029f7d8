// Changes of a session that was agreed on: hold, the camera, another way for the media. Each is a re-INVITE, of which there is one
// at a time. JsSIP ends the call when one is refused, hence not its hold and its renegotiate.
import { crossed, lost } from "./socket.js";

const most = 8; // offers of one change
const whenReady = 100; // ms until it is looked again whether the other side's offer is done with

/** wait is how long to wait after an offer that was crossed, in ms: who owns the Call-ID longer (RFC 3261, 14.1). */
const wait = (owner) => 10 * Math.floor((owner ? 210 : 0) + Math.random() * (owner ? 191 : 201));

/** What becomes of directions while this side holds. The browser is not told that the other side stops sending because of that: once
 * an offer was rolled back, Chromium leaves what it hears muted when the other side, which has the way of the media, is faster than
 * its answer. So it takes what comes, which is nothing; and who holds says so in its answers too (RFC 3264, 8.4). */
const toBrowser = { recvonly: "sendrecv", inactive: "sendonly" };
const toOthers = { sendrecv: "sendonly", recvonly: "inactive" };

/** directed has the directions in a description replaced, but those of what is refused. */
const directed = (sdp, by) => sdp.split(/^(?=m=)/m).map((section) => (/^m=\w+ 0 /.test(section) && !section.includes("a=bundle-only") ? section
	: section.replace(/^a=(recvonly|sendrecv|inactive)(?=\s*$)/m, (line, direction) => `a=${by[direction] ?? direction}`))).join("");

/** Offers makes those of one session. */
export class Offers {
	#session;
	#told;
	#due = null; // what is to be offered: the constraints of its making
	#making = false;
	#tries = 0;
	#timer = null;
	#holds = false; // what was offered last is a hold

	/** told is called with the words of what went wrong, "" if nothing did, when an offer is done with. */
	constructor(session, told) {
		this.#session = session;
		this.#told = told;
		session.on("reinvite", ({ reject }) => this.#making && reject({ status_code: 491 })); // JsSIP says so too, and takes it all the same
	}

	/** make offers the other side what this one has now, after what is under way. */
	make(how) {
		this.#due = { ...this.#due, ...how };
		this.#next();
	}

	/** described changes a description, as the event "sdp" has it, where this side holds. */
	described(e, held) {
		if (e.originator === "local" && e.type === "offer") {
			this.#holds = held;
		} else if (held || this.#holds) {
			e.sdp = directed(e.sdp, e.originator === "local" ? toOthers : toBrowser);
		}
	}

	end() {
		this.#due = null;
		clearTimeout(this.#timer);
	}

	#later(ms) {
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => this.#next(), ms);
	}

	#next() {
		if (!this.#due || this.#making || this.#session.isEnded()) {
			return;
		}
		if (!this.#session.isReadyToReOffer()) {
			this.#later(whenReady);
			return;
		}
		clearTimeout(this.#timer);
		const how = this.#due;
		[this.#due, this.#making] = [null, true];
		this.#session._sendReinvite({
			rtcOfferConstraints: how, eventHandlers: { succeeded: () => this.#done(""), failed: (response) => this.#refused(response, how).catch(reportError) },
		});
	}

	#done(words) {
		this.#making = false;
		this.#tries = 0;
		this.#told(words);
		this.#next();
	}

	/** refused leaves all as it was. What was crossed is offered again; so is what went down with its path. */
	async #refused(response, how) {
		if (this.#session.isEnded()) {
			return;
		}
		if (this.#session.connection.signalingState === "have-local-offer") {
			await this.#session.connection.setLocalDescription({ type: "rollback" });
		}
		const code = response?.status_code ?? 0;
		const passing = code === crossed || code === lost || code >= 500 && code < 600; // the other side may be on its way to another network
		if (!passing || ++this.#tries === most) {
			this.#done("The other side does not follow");
			return;
		}
		this.#making = false; // for who comes first now
		this.#due = { ...how, ...this.#due };
		this.#later(code === lost ? 0 : wait(this.#session.direction === "outgoing"));
	}
}
