// Changes of a session that was agreed on: hold, the camera, another way for the media. Each is a re-INVITE, of which there is one
// at a time. JsSIP ends the call when one is refused, hence not its hold and its renegotiate.
import { crossed, lost } from "./socket.js";

const most = 8; // offers of one change
const whenReady = 100; // ms until it is looked again whether the other side's offer is done with

/** wait is how long to wait after an offer that was crossed, in ms: who owns the Call-ID longer (RFC 3261, 14.1). */
const wait = (owner) => 10 * Math.floor((owner ? 210 : 0) + Math.random() * (owner ? 191 : 201));

/** What becomes of directions while this side holds: it says so in its answers too (RFC 3264, 8.4). */
const holding = { sendrecv: "sendonly", recvonly: "inactive" };

/** onHold has the directions in a description replaced, but those of what is refused. */
const onHold = (sdp) => sdp.split(/^(?=m=)/m).map((section) => (/^m=\w+ 0 /.test(section) && !section.includes("a=bundle-only") ? section
	: section.replace(/^a=(sendrecv|recvonly)(?=\s*$)/m, (line, direction) => `a=${holding[direction]}`))).join("");

/** Offers makes those of one session. */
export class Offers {
	#session;
	#told;
	#due = null; // what is to be offered: the constraints of its making
	#making = false;
	#tries = 0;
	#timer = null;
	#offer = null; // that the browser is told of when it has an answer

	/** told is called with the words of what went wrong, "" if nothing did, when an offer is done with. */
	constructor(session, told) {
		this.#session = session;
		this.#told = told;
		const describe = session._createLocalDescription;
		session._createLocalDescription = (type, how) => (this.#making && type === "offer" && !how?.iceRestart ? this.#describe(how) : describe.call(session, type, how));
		session.on("reinvite", ({ reject }) => this.#making && reject({ status_code: 491 })); // JsSIP says so too, and takes it all the same
	}

	/** make offers the other side what this one has now, after what is under way. */
	make(how) {
		this.#due = { ...this.#due, ...how };
		this.#next();
	}

	/** describe makes an offer of what the browser has now, which it goes on with once that is answered: one that is refused leaves nothing
	 * to take back. With a rollback Chromium (156) may play nothing of the other side from then on. */
	async #describe(how) {
		this.#offer = await this.#session.connection.createOffer(how);
		const e = { originator: "local", type: "offer", sdp: this.#offer.sdp };
		this.#session.emit("sdp", e);
		return e.sdp;
	}

	/** described is told of a description, as the event "sdp" has it: an answer follows the offer that the browser lacks, and one of ours
	 * says where this side holds. */
	described(e, held) {
		if (this.#offer && e.originator === "remote" && e.type === "answer") {
			const offer = this.#offer;
			this.#offer = null;
			this.#session._connectionPromiseQueue = this.#session._connectionPromiseQueue.then(() => this.#session.connection.setLocalDescription(offer));
		}
		if (held && e.originator === "local" && e.type === "answer") {
			e.sdp = onHold(e.sdp);
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

	/** restore ends an offer of other ways for the media as if the other side had answered with what it has. */
	async #restore() {
		const { connection } = this.#session;
		const { sdp } = connection.currentRemoteDescription;
		const role = /^a=setup:(active|passive)/m.exec(connection.currentLocalDescription.sdp)?.[1] === "active" ? "passive" : "active"; // RFC 8842, 5.5: the roles stay
		try {
			await connection.setRemoteDescription({ type: "answer", sdp: sdp.replaceAll(/^a=setup:actpass/gm, `a=setup:${role}`) });
		} catch {
			await connection.setLocalDescription({ type: "rollback" }); // the camera goes on or off at the same time
		}
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
		this.#offer = null;
		if (this.#session.connection.signalingState === "have-local-offer") {
			await this.#restore();
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
