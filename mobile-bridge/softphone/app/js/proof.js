// Proofs that this device has its signing key: package proof. Signatures are ECDSA on P-256 by a key that cannot leave the
// browser.
import { base64url, fromBase64url, hash, randomId, text, utf8 } from "./bytes.js";
import { Failure } from "./failure.js";

export const callProof = "call-proof+jwt";
export const enrolProof = "enrol-proof+jwt";
export const pushProof = "push-proof+jwt";
export const ownProof = "own-proof+jwt";
export const channelProof = "channel-proof+jwt";
export const admitProof = "admit-proof+jwt";
export const reportProof = "report-proof+jwt";

const algorithm = { name: "ECDSA", hash: "SHA-256" };

/** makeSigningKey makes a key pair of which only the public half can be seen. */
export const makeSigningKey = () => crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);

/** jwkOf is the public key with the members that count (RFC 7518, 6.2.1). */
export async function jwkOf(keys) {
	const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", keys.publicKey);
	return { kty, crv, x, y };
}

/** thumbprint is the name of the key (RFC 7638, 3). */
export async function thumbprint(keys) {
	const { kty, crv, x, y } = await jwkOf(keys);
	return hash(JSON.stringify({ crv, kty, x, y })); // in the order of their names
}

/** sign returns a proof of a type. A jti is added, and iat if it lacks. */
export async function sign(typ, keys, claims, now = Date.now()) {
	const enc = (v) => base64url(utf8(JSON.stringify(v)));
	const head = enc({ alg: "ES256", typ, jwk: await jwkOf(keys) });
	const s = `${head}.${enc({ jti: randomId(), iat: Math.floor(now / 1000), ...claims })}`;
	return `${s}.${base64url(new Uint8Array(await crypto.subtle.sign(algorithm, keys.privateKey, utf8(s))))}`;
}

/** openCall checks form and signature of a call proof that somebody else made, and returns who by the thumbprint of the key. */
export async function openCall(proof) {
	const [head, claims, signature] = proof.split(".");
	const json = (part) => JSON.parse(text(fromBase64url(part)));
	const { alg, typ, crit, jwk } = json(head);
	if (alg !== "ES256" || typ !== callProof || crit !== undefined || jwk?.kty !== "EC" || jwk?.crv !== "P-256") { // RFC 8725, 3.1
		throw new Failure("key-malformed", "the proof of who answered is malformed");
	}
	const { kty, crv, x, y } = jwk;
	const publicKey = await crypto.subtle.importKey("jwk", { kty, crv, x, y }, { name: "ECDSA", namedCurve: "P-256" }, true, ["verify"]);
	if (!(await crypto.subtle.verify(algorithm, publicKey, fromBase64url(signature), utf8(`${head}.${claims}`)))) {
		throw new Failure("bad-signature", "the proof of who answered does not match its key");
	}
	return { thumbprint: await thumbprint({ publicKey }), claims: json(claims) };
}
