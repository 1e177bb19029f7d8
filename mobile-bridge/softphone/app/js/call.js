// One call of this phone, from its wake or from the number that was dialled to its end.
//
// An incoming call is waking until its switch asks on the connection that it ring: no payload rings by itself. Whoever listens
// hears of every change by the event "change"; state says where the call is, end why it is over.
//
//	incoming: waking, ringing, answering, connected, ended
//	outgoing: asking, calling, waking, forwarded, queued, ringing, connected, ended
//
// In a service worker, which has no media, a call rings and is declined; a page takes it over with the same session key.
import { UA } from "../vendor/jssip.js";
import { hash } from "./bytes.js";
import { Failure, failureOf } from "./failure.js";
import { pairOf } from "./media.js";
import { Offers } from "./offers.js";
import { dial } from "./path.js";
import { admitProof, callProof, openCall, sign } from "./proof.js";
import { offererOf, sameCertificate } from "./sessionkey.js";
import { SipSocket } from "./socket.js";
import { offersVideo, Video } from "./video.js";
import { endOfMessage, standingOf, wordsFor } from "./words.js";

const firstWait = 500; // ms from one attempt to connect to the next, then twice as long each time
const lastWait = 4_000;
const leeway = 30_000;
const afterFirst = 60; // ms that a description waits for more addresses of this device after the first: 3-protocols, "Apps"
const seenWithin = 500; // ms that it waits for where STUN sees us
const relayWithin = 2_000; // ms that it waits for one at the relay
const routedAgain = 200; // ms until the way of the media is looked for again
const resumeWithin = 30_000; // the switch keeps a call that long: go doc ./switchnode/internal/webside
const nobody = "none"; // a certificate that none is
const lastWords = 2_000; // that the switch has to take the last message
const iceFailed = "RTP Timeout"; // as JsSIP calls it

export class Call extends EventTarget {
	state;
	end = null; // {kind: missed, cancelled, declined or ended; code, words}
	held = false;
	waits = false; // held by the other side
	resuming = false; // the connection to the switch is lost, and looked for
	muted = false;
	path = null; // how the switch is reached: direct or bridge
	since = Date.now();
	answeredAt = null;
	remote = null; // MediaStream of the other side
	video = new Video(this);
	rang = false;
	seconds = 0;
	#meet;
	met = new Promise((resolve) => (this.#meet = resolve)); // the switch has let us in, or the call is over
	forward = ""; // the number that the call went on to
	transferring = ""; // the number that the other side is sent to, until that is settled
	standing = null; // in a queue: {position: 1 is the head, wait: seconds, null if nobody knows}
	#me;
	#wake;
	#claims;
	#certificate = null;
	#path = null;
	#ua = null;
	#socket = null;
	#session = null;
	#offers = null;
	#far = ""; // certificate of who sends and gets the media
	#token = ""; // by which the switch lets us go on elsewhere
	#pair = ""; // the kinds of addresses that the switch was told of
	#stuck = false; // the media found no way, and look for others
	#elsewhere = false; // the network is another one than that of our first offer
	#retreat = null; // ends an attempt to go on elsewhere
	#life = new AbortController(); // until the last words are said
	#tries = 0;
	#wanted = null; // the microphone's stream, once the user has answered
	#unwanted = false; // declined before the switch asked: its INVITE is refused
	#timer = null;

	/** me is who this device is, wake {node, key, epoch}, claims those of the key; number is for an outgoing call. */
	constructor(me, wake, claims, number) {
		super();
		this.#me = me;
		this.#wake = wake;
		this.#claims = claims;
		this.direction = number === undefined ? "incoming" : "outgoing";
		this.number = number ?? claims.from.number;
		this.name = number === undefined ? claims.from.name || "" : "";
		this.verstat = number === undefined ? claims.from.verstat || "" : ""; // what the signature of somebody outside is worth
		this.state = number === undefined ? "waking" : "asking";
		globalThis.addEventListener("online", () => this.moved(), { signal: this.#life.signal });
	}

	get id() { return this.#claims?.call; }
	get leg() { return this.#claims?.jti; }
	get node() { return this.#wake?.node.id; } // the switch of the call
	get expires() { return this.#claims?.exp; }
	get over() { return this.state === "ended"; }
	get connection() { return this.#session?.connection ?? null; }

	/** direct says that the media go to another app, and not to a switch. */
	get direct() { return Boolean(this.#far) && this.#far !== this.#wake.node.dtls; }

	/** ring connects an incoming call to its switch. */
	async ring() {
		this.#timer = setTimeout(() => {
			if (this.state === "waking") {
				this.#finish(new Failure("unreachable", "The switch of the call was not reached in time"));
			}
		}, Math.max(0, this.#claims.exp * 1000 + leeway - this.#me.now()));
		await this.#connect();
	}

	/** place calls: admit asks for permission with the fingerprint of our media, and returns {node, key, relay, claims}; or null,
	 * after leave. */
	async place(admit, stream) {
		this.#wanted = stream;
		try {
			const { claims, ...admitted } = (await admit(await this.#fingerprint())) ?? {};
			if (this.over) {
				return;
			}
			this.#wake = admitted;
			this.#claims = claims;
			this.name = claims.to?.name || this.name;
			this.#change("calling");
		} catch (error) {
			this.#finish(failureOf(error));
			return;
		}
		await this.#connect();
	}

	/** answer takes the call, as soon as it rings. */
	answer(stream) {
		if (this.direction !== "incoming" || this.over || this.#wanted) {
			return;
		}
		this.#wanted = stream;
		if (this.#session) {
			this.#accept();
		}
	}

	/** hangUp ends the call; one that is not answered is declined, or not made. */
	hangUp() {
		if (this.over) {
			return;
		}
		const declines = this.direction === "incoming" && !this.answeredAt;
		this.#unwanted = declines && !this.#session;
		this.#finish(declines ? new Failure("declined", "You declined") : null, declines ? "declined" : "ended");
		this.#terminate(declines ? { status_code: 603, reason_phrase: "Decline" } : {});
	}

	/** keepPlace hangs up a call that waits in a queue: when it is its turn, this phone is called back. */
	keepPlace() {
		if (this.state === "queued") {
			this.#socket.keeps = true;
			this.#finish(new Failure("call-back", wordsFor("call-back")), "ended");
			this.#terminate({});
		}
	}

	/** terminate tells the switch. The call is finished before: what JsSIP says of it then is no news. */
	#terminate(how) {
		const session = this.#session;
		if (session && !session.isEnded()) {
			session.terminate(how);
			session._is_canceled ||= session.direction === "outgoing" && !this.answeredAt; // or a 200 that crosses the CANCEL gets no BYE
		}
	}

	/** cancel ends a call that rings, or is about to, because of what somebody other than its switch says. */
	cancel(failure) {
		this.#finish(failure);
		this.#terminate({ status_code: 487 });
	}

	/** leave forgets the call without a word: another page, or this device's page instead of its service worker, has it now. */
	leave() {
		this.state = "ended";
		clearTimeout(this.#timer);
		this.#meet();
		this.#drop();
		this.#change();
	}

	mute(on) {
		this.muted = on;
		for (const track of this.#wanted?.getAudioTracks() ?? []) {
			track.enabled = !on;
		}
		this.#session?.[on ? "mute" : "unmute"]({ audio: true }); // or it would speak again after each change of the session
		this.#change();
	}

	/** hold stops the audio of both sides, until hold(false). */
	hold(on) {
		if (this.state !== "connected" || this.held === on) {
			return;
		}
		this.held = on;
		this.#session._localHold = on;
		this.#session[on ? "_onhold" : "_onunhold"]("local"); // silences the microphone
		this.renegotiate();
	}

	/** press sends a digit. */
	press(key) {
		if (this.state === "connected") {
			const sender = this.connection.getSenders().find((s) => s.dtmf);
			this.#session.sendDTMF(key, { transportType: sender?.dtmf.canInsertDTMF ? "RFC2833" : "INFO", duration: 100 });
		}
	}

	/** transfer has the other side call a number: they hear music, and this call ends when it is answered. The switch may not speak for
	 * this phone, which signs for what it wants: of this call, and this number. */
	async transfer(number) {
		const proof = await sign(admitProof, this.#me.signing, {
			org: this.#me.org, sub: this.#me.device, dialled: number, media: ["audio"], call: this.id,
		}, this.#me.now());
		this.#refer(number, { extraHeaders: [`Strowger-Proof: ${proof}`] });
	}

	/** join has the other side talk to that of another call of this phone, which may still ring there (RFC 5589, 7). */
	join(other) {
		const names = other.#session?._dialog?._id ?? Object.values(other.#session?._earlyDialogs ?? {})[0]?._id;
		if (!names) {
			throw new Failure("gone", "It does not ring there yet");
		}
		this.#refer(other.number, { replaces: { _request: { call_id: names.call_id }, _to_tag: names.remote_tag, _from_tag: names.local_tag } });
	}

	/** refer asks the switch (RFC 3515). What does not come about leaves the call as it was. */
	#refer(number, how) {
		if (this.state !== "connected" || this.transferring) {
			return;
		}
		const failed = (words) => {
			if (!this.over) {
				this.transferring = "";
				this.#notice(`Not transferred: ${words || "the switch does not answer"}`);
				this.#change();
			}
		};
		this.transferring = number;
		this.#session.refer(`sip:${encodeURIComponent(number)}@${this.#me.org}`, {
			...how,
			eventHandlers: {
				requestFailed: ({ response }) => failed(response?.reason_phrase), failed: ({ status_line: line }) => failed(line.reason_phrase),
			},
		});
		this.#change();
	}

	/** replace gives the call another microphone. */
	async replace(stream) {
		for (const track of stream.getAudioTracks()) {
			track.enabled = !this.muted;
			await this.connection?.getSenders().find((s) => s.track?.kind === "audio")?.replaceTrack(track);
		}
		this.#wanted?.getAudioTracks().forEach((t) => t.stop());
		this.#wanted = stream;
	}

	/** film has the camera of a stream on, or none with null. */
	async film(stream) {
		await this.video.turn(stream);
		this.#change();
	}

	async #connect() {
		this.#tries++;
		try {
			const path = await dial(this.#wake.node, await this.#entry());
			if (this.over && !this.#unwanted) {
				path.close();
				return;
			}
			this.#tries = 0;
			this.#serve(path);
		} catch (error) {
			this.#failed(failureOf(error));
		}
	}

	/** fingerprint is of the certificate with which we shall talk; a service worker has none. */
	async #fingerprint() {
		if (!globalThis.RTCPeerConnection?.generateCertificate) {
			return undefined;
		}
		this.#certificate ??= await RTCPeerConnection.generateCertificate({ name: "ECDSA", namedCurve: "P-256" });
		const print = this.#certificate.getFingerprints().find((f) => f.algorithm === "sha-256");
		return `sha-256 ${print.value.toUpperCase()}`;
	}

	/** entry is what the switch is shown: the key, and a fresh proof that it is ours. */
	async #entry() {
		const proof = await sign(callProof, this.#me.signing, {
			aud: this.#wake.node.id, ath: await hash(this.#wake.key), dtls: await this.#fingerprint(), epoch: this.#wake.epoch ?? 0,
		}, this.#me.now());
		return { key: this.#wake.key, proof };
	}

	/** failed tries again until the ring is over. What the switch refused stays refused. */
	#failed(failure) {
		if (this.over) {
			return;
		}
		if (failure.refused || this.direction === "outgoing" || this.#me.now() > this.#claims.exp * 1000) {
			this.#finish(failure);
			return;
		}
		setTimeout(() => this.over || this.#connect(), Math.min(firstWait << Math.min(this.#tries, 8), lastWait));
	}

	#serve(path) {
		this.#meet();
		this.path = path.kind;
		this.#path = path;
		this.#token = path.verdict.resume ?? "";
		const socket = new SipSocket(path);
		this.#socket = socket;
		socket.before = (message) => this.#look(message);
		socket.onlost = () => {
			if (socket === this.#socket) {
				this.#goesOn(socket) ? this.#resume(socket) : this.#fail(socket);
			}
		};
		const ua = new UA({
			sockets: [socket], uri: `sip:${this.#me.device}@${this.#me.org}`, register: false, session_timers: false,
			user_agent: "Strowger softphone",
		});
		this.#ua = ua;
		ua.on("newRTCSession", ({ originator, session, request }) => {
			if (ua !== this.#ua || this.#session) {
				session.terminate({ status_code: 486 });
			} else if (originator === "remote") {
				this.#invited(session, request);
			} else {
				this.#adopt(session);
			}
		});
		ua.on("disconnected", () => ua === this.#ua && this.#lost());
		ua.on("connected", () => this.direction === "outgoing" && this.#invite(ua));
		ua.start();
	}

	/** look finds out by which certificate the other side of the media is known. It is the switch; or, between two apps, the one
	 * that the session key names as the caller, or that has proved by a key of the callee's that it is the callee's own. */
	async #look(message) {
		try {
			if (message.startsWith("INVITE ") && !this.#far) {
				this.#far = await offererOf(message, this.#claims, this.#wake.node);
			} else if (/^SIP\/2\.0 (?:1\d\d[^]*\r\n\r\nv=|2)/.test(message) && /^CSeq:\s*\d+\s+INVITE\s*$/im.test(message) && !this.#far) {
				const shown = /^Strowger-Proof:\s*(\S+)\s*$/im.exec(message)?.[1];
				const { thumbprint, claims } = shown ? await openCall(shown) : {};
				this.#far = !shown ? this.#wake.node.dtls
					: this.#claims.peers?.includes(thumbprint) && claims.aud === this.#wake.node.id ? claims.dtls : nobody;
			}
		} catch {
			this.#far = nobody;
		}
	}

	/** goesOn says whether a call whose connection is lost is taken up on another one. One that is over is while the switch does not
	 * know it. */
	#goesOn(socket) {
		return Boolean(this.#token) && (this.answeredAt !== null || this.direction === "outgoing") && (!this.over || socket.owes);
	}

	/** resume takes a call up on another connection: the dialog goes on there, and the media follow by an ICE restart. A call of ours
	 * that is not answered is placed there once more. */
	async #resume(socket) {
		let refused = null;
		this.resuming = true;
		this.#change();
		for (const end = Date.now() + resumeWithin; !refused && this.#goesOn(socket) && Date.now() < end; ) {
			this.#retreat = new AbortController();
			const { signal } = this.#retreat;
			try {
				const path = await dial(this.#wake.node, { ...(await this.#entry()), resume: this.#token }, signal);
				if (this.#goesOn(socket) && Boolean(path.verdict.resumed) === Boolean(this.answeredAt)) {
					this.#back(socket, path);
					return;
				}
				path.close();
				break;
			} catch (error) {
				refused = error.refused ? error : null;
				await new Promise((resolve) => {
					setTimeout(resolve, firstWait);
					signal.addEventListener("abort", resolve); // on another network there is nothing to wait for
				});
			}
		}
		this.resuming = false;
		if (refused && !this.answeredAt) {
			this.#finish(refused);
		}
		this.over ? this.#drop() : this.#fail(socket);
	}

	#back(socket, path) {
		this.path = path.kind;
		this.#path = path;
		this.resuming = false;
		socket.take(path);
		if (this.over) {
			setTimeout(() => this.#drop(), lastWords);
		} else if (this.answeredAt) {
			this.#restart();
		} else {
			this.#elsewhere = true;
			this.#change();
		}
	}

	/** fail gives the connection up. What JsSIP says of its session then is no news: lost decides. */
	#fail(socket) {
		this.#session = null;
		socket.fail();
	}

	/** restart finds new ways for the media (RFC 8445, 9). */
	#restart() { this.renegotiate({ iceRestart: true }); }

	/** renegotiate offers the other side what this one has now. */
	renegotiate(how) {
		if (this.state === "connected") {
			this.#offers.make(how);
		}
		this.#change();
	}

	/** moved is told when the device is on another network: what was open, or is being tried, leads nowhere. */
	moved() {
		this.#retreat?.abort();
		if (this.#path && !this.#path.closed) {
			this.#path.close();
		}
	}

	/** lost is the end of the connection. Until the call is answered, it comes back with the same key. */
	#lost() {
		this.#drop();
		if (this.over) {
			return;
		}
		if (this.answeredAt || this.direction === "outgoing") {
			this.#finish(new Failure("link-lost", "The connection to the switch was lost"));
			return;
		}
		this.#far = "";
		this.#change("waking");
		this.#failed(new Failure("unreachable", "The connection to the switch was lost"));
	}

	/** drop closes the path first: JsSIP would refuse, or end, what another page goes on with. */
	#drop() {
		const [ua, path] = [this.#ua, this.#path];
		this.#ua = this.#session = this.#path = this.#socket = null;
		this.#offers?.end();
		path?.close();
		ua?.stop();
		if (this.over) {
			this.#life.abort();
		}
	}

	/** invited takes the call that the switch brings. Media by another certificate than that of its designation is nobody's. */
	#invited(session, request) {
		if (this.#unwanted) {
			session.terminate({ status_code: 603, reason_phrase: "Decline" });
			this.#part();
			return;
		}
		if (!sameCertificate(request.body ?? "", this.#far)) {
			this.#finish(new Failure("wrong-node", "The call was offered by somebody other than its switch"));
			session.terminate({ status_code: 403 });
			return;
		}
		this.#adopt(session);
		this.video.offered = this.direct && offersVideo(request.body);
		this.rang = true;
		clearTimeout(this.#timer);
		if (this.#wanted) {
			queueMicrotask(() => this.#accept()); // after its 180
		} else {
			this.#change("ringing");
		}
	}

	#invite(ua) {
		ua.call(`sip:${encodeURIComponent(this.number)}@${this.#me.org}`, {
			mediaStream: this.video.beside(this.#wanted), pcConfig: this.#pcConfig(),
		});
	}

	/** relay is for the media, if there is one: the verdict names it, or what admitted a call of ours. One without a username only tells
	 * us where we are seen. */
	get #relay() { return this.#path?.verdict.relay ?? this.#wake.relay; }

	#pcConfig() {
		const relay = this.#relay;
		return {
			certificates: [this.#certificate], bundlePolicy: "max-bundle",
			iceServers: relay ? [{ urls: relay.urls, username: relay.username, credential: relay.credential }] : [],
		};
	}

	#accept() {
		if (!this.#session || this.over) {
			return;
		}
		this.#change("answering");
		this.#session.answer({ mediaStream: this.video.beside(this.#wanted), pcConfig: this.#pcConfig() });
	}

	/** adopt listens to the session of the call. */
	#adopt(session) {
		this.#session = session;
		const mine = (f) => (e) => session === this.#session && f(e);
		session.on("peerconnection", mine(({ peerconnection }) => this.#media(peerconnection)));
		this.#gather(session);
		session.on("sdp", mine((e) => {
			if (e.originator === "remote" && !sameCertificate(e.sdp, this.#far)) {
				e.sdp = ""; // which JsSIP refuses
				this.#finish(new Failure("wrong-node", "The media is offered by somebody other than the switch of the call"));
				session.terminate({ status_code: 403 });
			} else {
				this.#offers.described(e, this.held);
			}
		}));
		session.on("progress", mine(({ originator, response }) => originator === "remote" && this.#progress(response)));
		this.#offers = new Offers(session, (words) => {
			if (words && !this.over) {
				this.#notice(words);
			}
			this.#change();
		});
		const { terminate } = session;
		session.terminate = (how) => how?.cause === iceFailed || terminate.call(session, how); // we look for another way first
		for (const [event, waits] of [["hold", true], ["unhold", false]]) {
			session.on(event, mine(({ originator }) => {
				if (originator === "remote") {
					this.waits = waits;
					this.#change();
				}
			}));
		}
		session.on("confirmed", mine(() => this.#answered()));
		session.on("ended", mine((e) => this.#closed(e, "ended")));
		session.on("failed", mine((e) => this.#closed(e, "failed")));
		if (session.connection) {
			this.#media(session.connection);
		}
	}

	#progress(response) {
		const waking = response.getHeader("Strowger-State") === "waking";
		const standing = response.status_code === 182 ? standingOf(response.getHeader("Strowger-Queue") ?? "") : null;
		if (response.status_code === 181) {
			this.forward = response.getHeader("Strowger-Forward") ?? "";
			this.#change("forwarded");
		} else if (standing) {
			this.standing = standing;
			this.#change("queued");
		} else if (response.status_code === 180 || waking) {
			this.#change(waking ? "waking" : "ringing");
		}
	}

	/** gather sends our description soon: what it lacks the other side finds out by itself (peer-reflexive). An address at the relay,
	 * or outside of our NAT, may be the only one that leads anywhere and has more time. Without a NAT there is none, and JsSIP goes on
	 * by itself when nothing more can come. */
	#gather(session) {
		let begun = null; // each description has a ready of its own
		session.on("icecandidate", ({ candidate, ready }) => {
			const relay = this.#relay;
			const [last, within] = relay?.username ? ["relay", relayWithin] : relay ? ["srflx", seenWithin] : ["", afterFirst];
			if (begun !== ready) {
				begun = ready;
				setTimeout(ready, within);
			}
			if (candidate.type === last) {
				ready();
			}
		});
	}

	#media(connection) {
		connection.addEventListener("track", ({ track, streams }) => {
			if (track.kind === "audio") {
				this.remote = streams[0] ?? new MediaStream([track]);
			}
			this.#change();
		});
		connection.addEventListener("signalingstatechange", () => connection.signalingState === "stable" && this.#change());
		connection.addEventListener("connectionstatechange", () => {
			const lost = connection === this.connection && connection.connectionState === "failed" && !this.over;
			if (lost && this.resuming) {
				this.#change(); // a restart follows
			} else if (lost && this.answeredAt && !this.#stuck) {
				this.#stuck = true; // one more try: ways that were there are gone
				this.#restart();
			} else if (lost && this.direction === "outgoing" && !this.answeredAt) {
				this.#elsewhere = true; // what was played before the answer is not heard any more: there is time until then
			} else if (lost) {
				const words = this.#pathless;
				this.#finish(new Failure("media-lost", words));
				this.#terminate({ status_code: 500, reason_phrase: words });
			} else {
				this.#stuck &&= connection.connectionState !== "connected";
				this.#routed();
				this.#change();
			}
		});
	}

	/** pathless says what lacks, as sdk/resume.go does. */
	get #pathless() {
		const what = `No media path was found ${this.direct ? "between the two phones" : "to the switch"}`;
		return this.#relay?.username ? what : `${what}; a relay would be one, which the administrator can set up (--relay of the bridge)`;
	}

	#answered() {
		if (!this.answeredAt) {
			this.answeredAt = Date.now();
			this.#change("connected");
			this.#routed();
			const lack = this.video.begins();
			if (lack) {
				this.#notice(lack);
			}
			if (this.#elsewhere) {
				this.#restart(); // what we offered are the addresses of the network before
			}
			this.#change();
		}
	}

	/** routed tells the switch by which pair of addresses the media of two apps go, and when that changes: it sees nothing of them. */
	async #routed() {
		const { connection } = this;
		if (this.state !== "connected" || connection?.connectionState !== "connected" || this.#far === this.#wake.node.dtls) {
			return;
		}
		const again = () => setTimeout(() => this.#routed(), routedAgain); // browsers keep their figures for a while
		const ice = connection.getSenders()[0]?.transport?.iceTransport;
		if (ice) {
			ice.onselectedcandidatepairchange = again;
		}
		const pair = await pairOf(connection);
		if (!pair) {
			again();
		} else if (pair !== this.#pair && !this.over && connection === this.connection) {
			this.#pair = pair;
			this.#session.sendRequest("INFO", { extraHeaders: [`Strowger-Pair: ${pair}`] });
		}
	}

	#closed({ originator, message, cause }, kind) {
		const why = endOfMessage(message, cause);
		this.#finish(originator === "local" ? null : why, kind === "ended" ? "ended" : undefined);
	}

	#finish(failure, kind) {
		if (this.over) {
			return;
		}
		const answered = this.answeredAt || this.direction === "outgoing" || this.#wanted;
		this.end = {
			kind: kind ?? (answered ? "ended" : this.rang ? "cancelled" : "missed"),
			code: failure?.code ?? "", words: failure?.message ?? "",
		};
		clearTimeout(this.#timer);
		this.#wanted?.getTracks().forEach((t) => t.stop());
		this.video.end();
		this.#meet();
		this.seconds = this.answeredAt ? Math.round((Date.now() - this.answeredAt) / 1000) : 0;
		this.#change("ended");
		this.#part();
	}

	/** part gives the last words time to arrive, and says them on another connection if they do not. A call that was declined too
	 * early waits for its INVITE. */
	#part() {
		if (this.#unwanted && !this.#session) {
			return;
		}
		const ua = this.#ua;
		setTimeout(() => {
			if (!ua || ua !== this.#ua) {
				return;
			}
			if (!this.#goesOn(this.#socket)) {
				this.#drop();
			} else if (!this.resuming) {
				this.#path.close(); // resume follows
			}
		}, lastWords);
	}

	#notice(words) { this.dispatchEvent(new CustomEvent("notice", { detail: words })); }

	#change(state) {
		if (state && this.state !== "ended") {
			this.state = state;
		}
		this.video.look();
		this.dispatchEvent(new Event("change"));
	}
}
