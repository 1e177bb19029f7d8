// Bytes and texts, as the wire formats have them.

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

export const utf8 = (text) => encoder.encode(text);
export const text = (bytes) => decoder.decode(bytes);

/** concat joins byte arrays. */
export function concat(...parts) {
	const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
	let at = 0;
	for (const p of parts) {
		all.set(p, at);
		at += p.length;
	}
	return all;
}

/** base64 is RFC 4648, 4: with padding, as Go writes []byte in JSON. */
export function base64(bytes) {
	let s = "";
	for (const b of bytes) {
		s += String.fromCharCode(b);
	}
	return btoa(s);
}

export const fromBase64 = (s) => Uint8Array.from(atob(s), (c) => c.charCodeAt(0));

/** base64url is RFC 4648, 5: without padding. */
export const base64url = (bytes) => base64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

export function fromBase64url(s) {
	if (!/^[A-Za-z0-9_-]*$/.test(s)) {
		throw new Error("not base64url");
	}
	return fromBase64(s.replaceAll("-", "+").replaceAll("_", "/"));
}

export const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));

/** hash is the unpadded base64url SHA-256 of a text, by which keys and bodies are named. */
export const hash = async (s) => base64url(await sha256(utf8(s)));

/** randomId is unique: 128 bits. */
export const randomId = () => base64url(crypto.getRandomValues(new Uint8Array(16)));
