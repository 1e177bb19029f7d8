// SIP for JsSIP, over one path after the other: what goes on hears nothing of the change.
import { randomId } from "./bytes.js";

const maxOwed = 32; // messages that wait for a path, or for their answer
/** What JsSIP is told of a re-INVITE: crossed for 491, since it would repeat its request with the old CSeq; lost if it went down with
 * its path. */
export const [crossed, lost] = [499, 498];

/** field is what a message has in a header. */
const field = (message, name) => new RegExp(`^${name}:\\s*(.*?)\\s*$`, "im").exec(message)?.[1] ?? "";
const branch = (message) => /;\s*branch=([^;\s]+)/i.exec(field(message, "Via"))?.[1] ?? "";

/** keyOf names the transaction of a request, or of a response to it; "" of what has no answer. */
function keyOf(message) {
	const method = message.startsWith("SIP/2.0 ") ? field(message, "CSeq").split(/\s+/)[1] : message.split(" ", 1)[0];
	return message.startsWith("ACK ") ? "" : `${method} ${branch(message)}`;
}

/** begins says whether a message is an INVITE that begins a dialog. */
const begins = (message) => message.startsWith("INVITE ") && !/;\s*tag=/i.test(field(message, "To"));

/** renamed has names in a message replaced. */
const renamed = (message, names) => names.reduce((m, [from, to]) => m.replaceAll(new RegExp(`(?<![\\w-])${from}(?![\\w-])`, "g"), to), message);

/** failed answers a re-INVITE in place of the switch. */
function failed(request) {
	const head = request.split("\r\n\r\n", 1)[0].split("\r\n").filter((line) => /^(?:Via|From|To|Call-ID|CSeq):/i.test(line));
	return [`SIP/2.0 ${lost} Lost`, ...head, "Content-Length: 0", "", ""].join("\r\n");
}

/** SipSocket is a path as JsSIP wants it: one that is there already. When it is lost, onlost decides: another path takes its
 * place, or fail ends what goes on. */
export class SipSocket {
	via_transport = "WSS";
	url = "wss://switch.invalid"; // for logs: nothing is resolved
	sip_uri = "sip:switch.invalid;transport=ws";
	onlost = () => this.fail();
	before = async () => {}; // sees each message before JsSIP does
	keeps = false; // who takes the INVITE back keeps the place in a queue
	#path;
	#owed = []; // {text, key, sent}, of which the switch has not all, or we not its answer
	#invite = ""; // that began the dialog, if it was ours
	#shown = false; // its answer came, before it was answered
	#names = []; // of it that the switch knows otherwise: [JsSIP's, the switch's]
	#order = Promise.resolve(); // of messages

	constructor(path) {
		this.#path = path;
	}

	/** owes says that the beginning or the end of the call has no answer yet. */
	get owes() { return this.#owed.some(({ key }) => /^(?:INVITE|CANCEL|BYE) /.test(key)); }

	connect() {
		this.onconnect();
		this.take(this.#path);
	}

	/** take goes on by a path. What the other one took with it is said once more: in the dialog, or, where the switch does not know
	 * that, in one that the same INVITE begins anew. */
	take(path) {
		this.#path = path;
		path.onmessage = (message) => this.#inTurn(() => this.#hear(message));
		path.onclose = () => this.#inTurn(() => path === this.#path && this.onlost()); // the last message may say why
		path.serve();
		const again = this.#owed.splice(0);
		if (this.#invite && !path.verdict.resumed) {
			this.#names = [field(this.#invite, "Call-ID"), branch(this.#invite)].map((name) => [name, `z9hG4bK${randomId()}`]);
			this.send(this.#invite);
		}
		for (const { text, key, sent } of again.filter((m) => m.text !== this.#invite || path.verdict.resumed)) {
			if (sent && key.startsWith("INVITE ")) {
				this.#inTurn(() => this.ondata(failed(text)));
			} else if (key.startsWith("CANCEL ")) {
				this.#owed.push({ text, key, sent: false }); // RFC 3261, 9.1: not before the INVITE has a provisional response
			} else {
				this.send(text);
			}
		}
	}

	async #hear(message) {
		const said = this.#once(renamed(message, this.#names.map(([ours, theirs]) => [theirs, ours])));
		if (/^SIP\/2\.0 [2-6]/.test(said)) {
			this.#owed = this.#owed.filter(({ key }) => key !== keyOf(said));
		} else if (said.startsWith("SIP/2.0 1")) {
			const late = this.#owed.filter(({ key, sent }) => key.startsWith("CANCEL ") && !sent);
			this.#owed = this.#owed.filter((m) => !late.includes(m));
			late.forEach(({ text }) => this.send(text));
		}
		await this.before(said);
		this.ondata(said.replace(/^SIP\/2\.0 491 /, `SIP/2.0 ${crossed} `));
	}

	/** once takes the answer to our offer out of a provisional response if it came with another before: each has the same, and JsSIP would
	 * go by it again. */
	#once(message) {
		const [head, body] = message.split("\r\n\r\n", 2);
		if (!head.startsWith("SIP/2.0 1") || !body) {
			return message;
		}
		const again = this.#shown;
		this.#shown = true;
		const bare = () => head.split("\r\n").filter((line) => !/^Content-(?:Type|Length):/i.test(line));
		return again ? [...bare(), "Content-Length: 0", "", ""].join("\r\n") : message;
	}

	/** inTurn does something after all that came before it, whatever became of that. */
	#inTurn(f) {
		this.#order = this.#order.then(f).catch(reportError);
	}

	/** kept is a message, with what has the place kept if it is the one that takes the INVITE back: JsSIP has no headers for that. */
	#kept(text) {
		return this.keeps && text.startsWith("CANCEL ") ? text.replace("\r\n\r\n", "\r\nStrowger-Queue: keep\r\n\r\n") : text;
	}

	fail() {
		this.ondisconnect(true, 1006, "the connection was lost");
	}

	disconnect() {
		this.#path.close();
	}

	send(message) {
		const [text, sent] = [this.#kept(message.toString()), !this.#path.closed];
		const key = text.startsWith("SIP/2.0 ") ? "" : keyOf(text);
		const room = this.#owed.length < maxOwed;
		if (sent) {
			this.#path.send(renamed(text, this.#names));
		}
		if (begins(text)) {
			this.#invite = text;
		}
		if (room && (key || !sent)) {
			this.#owed.push({ text, key, sent });
		}
		return sent || room;
	}
}
