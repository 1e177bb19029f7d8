// Enrolment codes: package enrol.
import { concat, sha256, utf8 } from "./bytes.js";
import { Failure } from "./failure.js";

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"; // Crockford's: without i, l, o, u
const secretSize = 16;
const pinSize = 16;
const sumSize = 2;
const length = Math.ceil(((secretSize + pinSize + sumSize) * 8) / 5);

/** codeIn finds the code in what a person pastes: the code itself, the address of this page with it, or the link of an app. */
export function codeIn(input) {
	const s = input.trim();
	const inLink = /[?&#]code=([^&#]+)/.exec(s) ?? /#([^#]*)$/.exec(s);
	return inLink ? decodeURIComponent(inLink[1]) : s;
}

/** parseCode returns the secret of a code as a person typed it. Its errors say what is wrong with it, never the code. */
export async function parseCode(code) {
	let s = "";
	for (const c of code.toLowerCase()) {
		if (/[-\s]/.test(c)) {
			continue;
		}
		const read = c === "o" ? "0" : c === "i" || c === "l" ? "1" : c;
		if (!alphabet.includes(read)) {
			throw new Failure("invalid", `This code has “${c}” in it, which no code contains. Copy the whole link again.`);
		}
		s += read;
	}
	if (s.length !== length) {
		throw new Failure("invalid", `This code has ${s.length} characters without dashes, and codes have ${length}. Copy the whole link again.`);
	}
	const raw = decode(s);
	const sum = await sha256(concat(utf8("strowger enrolment code 1"), raw.subarray(0, secretSize + pinSize)));
	if (raw[secretSize + pinSize] !== sum[0] || raw[secretSize + pinSize + 1] !== sum[1]) {
		throw new Failure("invalid", "This code is mistyped: its check sum does not match.");
	}
	return raw.slice(0, secretSize);
}

/** decode reads base32 without padding. */
function decode(s) {
	const out = [];
	let bits = 0;
	let value = 0;
	for (const c of s) {
		value = (value << 5) | alphabet.indexOf(c);
		bits += 5;
		if (bits >= 8) {
			bits -= 8;
			out.push((value >> bits) & 0xff);
			value &= (1 << bits) - 1;
		}
	}
	return new Uint8Array(out);
}
