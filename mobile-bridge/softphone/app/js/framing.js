// SIP on a stream, framed by Content-Length (RFC 3261, 18.3), and the lines of JSON before it (package proof).
import { concat, text } from "./bytes.js";
import { Failure } from "./failure.js";

const maxMessage = 64 << 10;
const end = [13, 10, 13, 10];

/** Framer cuts a stream of bytes into lines and messages. */
export class Framer {
	#held = new Uint8Array(0);

	/** push takes what has come. */
	push(bytes) {
		this.#held = this.#held.length === 0 ? bytes : concat(this.#held, bytes);
	}

	/** line returns the first line, without its end, or null while it is not whole. */
	line(limit) {
		const at = this.#held.indexOf(10);
		if (at > limit || (at < 0 && this.#held.length > limit)) {
			throw new Failure("invalid", `first line of more than ${limit} bytes`);
		}
		return at < 0 ? null : text(this.#take(at + 1)).slice(0, -1);
	}

	/** message returns the next message, or null while it is not whole. Empty lines between messages are keep-alives. */
	message() {
		while (this.#held.length >= 2 && this.#held[0] === 13 && this.#held[1] === 10) {
			this.#held = this.#held.subarray(2);
		}
		const head = this.#find(end);
		if (head < 0) {
			if (this.#held.length > maxMessage) {
				throw new Failure("invalid", "SIP message without an end");
			}
			return null;
		}
		const fields = text(this.#held.subarray(0, head)).split("\r\n").slice(1);
		const lengths = fields.map((f) => /^(?:content-length|l)\s*:\s*(\d+)\s*$/i.exec(f)).filter(Boolean);
		if (lengths.length !== 1) { // RFC 3261, 18.3: on a stream it must be there
			throw new Failure("invalid", "SIP message without one Content-Length");
		}
		const size = head + end.length + Number(lengths[0][1]);
		if (size > maxMessage) {
			throw new Failure("invalid", `SIP message of ${size} bytes`);
		}
		return this.#held.length < size ? null : text(this.#take(size));
	}

	#find(what) {
		for (let at = this.#held.indexOf(what[0]); at >= 0; at = this.#held.indexOf(what[0], at + 1)) {
			if (what.every((b, i) => this.#held[at + i] === b)) {
				return at;
			}
		}
		return -1;
	}

	#take(n) {
		const taken = this.#held.subarray(0, n);
		this.#held = this.#held.subarray(n);
		return taken;
	}
}
