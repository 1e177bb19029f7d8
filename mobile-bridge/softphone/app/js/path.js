// How a call reaches its switch: WebTransport straight to it, whose certificate the designation names by hash, or, where UDP is
// blocked, a WebSocket through the bridge. Either begins with an entry, which the switch judges (package proof), and then
// carries SIP.
import { fromBase64url, utf8 } from "./bytes.js";
import { Failure } from "./failure.js";
import { Framer } from "./framing.js";

const headStart = 250; // ms of an address over the next one: RFC 8305, 5
const bridgeAfter = 1500; // ms until the way through the bridge is tried as well
const dialWithin = 10_000; // a whole attempt, entry included
const pingEvery = 5_000;
const silence = 13_000; // without a sign of the switch, and the path is lost
const maxAddresses = 8; // designation.MaxAddresses
const maxVerdict = 4 << 10;

/** Path is an open way to a switch. onmessage gets each SIP message, onclose is called once. */
class Path {
	onmessage = () => {};
	onclose = () => {};
	closed = false;

	/** admitted judges a verdict; what follows it is SIP. */
	admitted(line) {
		const verdict = JSON.parse(line);
		if (verdict.error) {
			throw Object.assign(new Failure(verdict.error.code, verdict.error.words), { refused: true });
		}
		if (!verdict.ok) {
			throw new Failure("invalid", "the switch said neither yes nor no");
		}
		this.verdict = verdict;
	}

	/** watch ends the path when the other side says nothing any more. */
	watch() {
		this.heard = Date.now();
		this.pings = setInterval(() => {
			if (Date.now() - this.heard > silence) {
				this.close();
			} else {
				this.ping();
			}
		}, pingEvery);
	}

	over() {
		if (!this.closed) {
			this.closed = true;
			clearInterval(this.pings);
			this.onclose();
		}
	}
}

class Direct extends Path {
	kind = "direct";
	#transport;
	#writer;
	#reader;
	#framer = new Framer();

	constructor(transport) {
		super();
		this.#transport = transport;
		transport.closed.then(() => this.over(), () => this.over());
	}

	static async dial(address, node) {
		const transport = new WebTransport(`https://${address}/call`, {
			serverCertificateHashes: node.web.map((h) => ({ algorithm: "sha-256", value: fromBase64url(h) })),
		});
		transport.closed.catch(() => {}); // ready says it
		await transport.ready;
		return new Direct(transport);
	}

	async enter(entry) {
		const { readable, writable } = await this.#transport.createBidirectionalStream();
		this.#writer = writable.getWriter();
		this.#reader = readable.getReader();
		await this.#writer.write(utf8(`${JSON.stringify(entry)}\n`));
		for (let line = null; line === null; ) {
			const { value, done } = await this.#reader.read();
			if (done) {
				throw new Failure("unreachable", "the switch said nothing of the session key");
			}
			this.#framer.push(value);
			line = this.#framer.line(maxVerdict);
			if (line !== null) {
				this.admitted(line);
			}
		}
	}

	/** serve begins to read; handlers are set by then. */
	serve() {
		this.watch();
		this.#read().catch(() => {}).finally(() => this.close());
	}

	async #read() {
		for (;;) {
			for (let m = this.#framer.message(); m !== null; m = this.#framer.message()) {
				this.onmessage(m);
			}
			const { value, done } = await this.#reader.read();
			if (done) {
				return;
			}
			this.heard = Date.now();
			this.#framer.push(value);
		}
	}

	send(message) {
		this.#writer.write(utf8(message)).catch(() => this.close());
	}

	ping() {
		this.send("\r\n\r\n"); // RFC 5626, 4.4.1
	}

	/** close lets what was written arrive. */
	close() {
		this.over();
		const end = this.#writer ? this.#writer.close().catch(() => {}) : Promise.resolve();
		end.then(() => this.#transport.close());
	}
}

class Spliced extends Path {
	kind = "bridge";
	#socket;

	constructor(socket) {
		super();
		this.#socket = socket;
		socket.addEventListener("close", () => this.over());
	}

	static dial(node) {
		const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/call/${encodeURIComponent(node.id)}`, "sip");
		return new Promise((resolve, reject) => {
			socket.onopen = () => resolve(new Spliced(socket));
			socket.onerror = () => reject(new Failure("unreachable", "the bridge leads to no switch"));
		});
	}

	enter(entry) {
		return new Promise((resolve, reject) => {
			this.#socket.onmessage = ({ data }) => {
				try {
					this.admitted(data);
					resolve();
				} catch (error) {
					reject(error);
				}
			};
			this.onclose = () => reject(new Failure("unreachable", "the bridge closed the connection"));
			this.#socket.send(JSON.stringify(entry));
		});
	}

	serve() {
		this.watch();
		this.#socket.onmessage = ({ data }) => {
			this.heard = Date.now();
			if (data.trim() !== "") {
				this.onmessage(data);
			}
		};
	}

	send(message) {
		this.#socket.send(message);
	}

	ping() {
		this.send("\r\n\r\n"); // RFC 7118 has the keep-alives of RFC 5626
	}

	close() {
		this.over();
		this.#socket.close();
	}
}

/** race dials each way a little after the one before it, and returns the first that comes up. */
function race(ways, signal) {
	return new Promise((resolve, reject) => {
		const failed = [];
		let won = false;
		const timers = ways.map(({ after, dial }) => setTimeout(async () => {
			try {
				const path = await dial();
				if (won || signal.aborted) {
					path.close();
				} else {
					won = true;
					timers.forEach(clearTimeout);
					resolve(path);
				}
			} catch (error) {
				failed.push(error.message);
				if (failed.length === ways.length) {
					reject(new Failure("unreachable", `The switch cannot be reached: ${failed[0]}`));
				}
			}
		}, after));
		signal.addEventListener("abort", () => {
			timers.forEach(clearTimeout);
			reject(new Failure("unreachable", "The switch does not answer"));
		});
	});
}

/** dial opens a path to a node and shows it an entry, until retreat is aborted. A refusal has the property refused. */
export async function dial(node, entry, retreat) {
	const ways = [];
	if (globalThis.WebTransport) {
		for (const address of (node.addresses ?? []).slice(0, maxAddresses)) {
			ways.push({ after: ways.length * headStart, dial: () => Direct.dial(address, node) });
		}
	}
	ways.push({ after: ways.length === 0 ? 0 : Math.max(bridgeAfter, ways.length * headStart), dial: () => Spliced.dial(node) });
	const signal = AbortSignal.any([AbortSignal.timeout(dialWithin), ...(retreat ? [retreat] : [])]);
	const path = await race(ways, signal);
	const late = () => path.close();
	signal.addEventListener("abort", late);
	try {
		await Promise.race([
			path.enter(entry),
			new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Failure("unreachable", "The switch does not answer")))),
		]);
		return path;
	} catch (error) {
		path.close();
		throw error;
	} finally {
		signal.removeEventListener("abort", late);
	}
}
