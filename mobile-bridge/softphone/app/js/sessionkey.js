// Session keys, and what makes a wake believed: packages sessionkey and pushseal. HPKE authenticates no sender, so that only
// what the organization has signed for this very device may ring.
import { fromBase64url, hash, text, utf8 } from "./bytes.js";
import { Failure } from "./failure.js";

const leeway = 30; // seconds of difference between clocks
const maxSize = 8 << 10;

const json = (part) => JSON.parse(text(fromBase64url(part)));

/** openKey checks form and signature of a session key by the keys of the organization, {kid: Ed25519 key}, and returns its claims. */
export async function openKey(key, keys, org) {
	const parts = typeof key === "string" && key.length <= maxSize ? key.split(".") : [];
	let head;
	try {
		head = json(parts[0]);
	} catch {
		throw new Failure("key-malformed", "the session key is malformed");
	}
	// RFC 8725, 3.1: the verifier decides on the algorithm, never the token; RFC 7515, 4.1.11 on crit.
	if (parts.length !== 3 || head.alg !== "EdDSA" || head.typ !== "session-key+jwt" || head.crit !== undefined) {
		throw new Failure("key-malformed", "the session key is malformed");
	}
	if (!Object.hasOwn(keys, head.kid)) {
		throw new Failure("unknown-key", "the session key is signed by a key that this device does not know");
	}
	const pub = await crypto.subtle.importKey("raw", fromBase64url(keys[head.kid]), { name: "Ed25519" }, false, ["verify"]);
	if (!(await crypto.subtle.verify({ name: "Ed25519" }, pub, fromBase64url(parts[2]), utf8(`${parts[0]}.${parts[1]}`)))) {
		throw new Failure("bad-signature", "the session key is not signed by the organization");
	}
	const claims = json(parts[1]);
	for (const name of ["iss", "jti", "aud", "boot", "sub", "ah", "org", "call", "iat", "nbf", "exp"]) {
		if (!claims[name]) {
			throw new Failure("key-malformed", `the session key lacks the claim ${name}`);
		}
	}
	if (claims.org !== org || claims.iss !== org) {
		throw new Failure("wrong-organization", "the call is of another organization");
	}
	return claims;
}

/** nodeHash is the hash of a node that a session key has as ah: designation.Node.Hash. */
export function nodeHash(node) {
	const known = [node.addresses, node.key_hash, node.dtls ?? ""];
	if (node.web?.length > 0) {
		known.push(node.web);
	}
	return hash(JSON.stringify(known));
}

/** checkWake is what comes before a ring: the key is the organization's, for this device and for this node, and its time has
 * not passed. me is {org, device, thumbprint, keys}, now in milliseconds. What it returns is all that may be shown. */
export async function checkWake(wake, me, now) {
	const claims = await openKey(wake.key, me.keys, me.org);
	if (claims.sub !== me.device || claims.cnf?.jkt !== me.thumbprint) {
		throw new Failure("wrong-presenter", "the call is for another device");
	}
	if (claims.aud !== wake.node?.id || claims.ah !== (await nodeHash(wake.node))) {
		throw new Failure("wrong-node", "the push leads to another switch than the one that the session key is for");
	}
	if (now / 1000 > claims.exp + leeway) {
		throw Object.assign(new Failure("key-expired", "The call was over before this device was reached"), { claims });
	}
	return claims;
}

/** offererOf is the certificate of who offers: that of the switch, or of the app that calls, which the session key names. */
export async function offererOf(sdp, claims, node) {
	const first = /^a=fingerprint:(\S+)\s+(\S+)\s*$/m.exec(sdp);
	const print = first && `${first[1].toLowerCase()} ${first[2].toUpperCase()}`;
	return print && claims.fp && (await hash(print)) === claims.fp ? print : node.dtls;
}

/** sameCertificate says whether a description is of who has a certificate, and of nobody else (RFC 8122, 5). */
export function sameCertificate(sdp, fingerprint) {
	const all = [...sdp.matchAll(/^a=fingerprint:(.*?)\s*$/gm)].map((m) => m[1]);
	return Boolean(fingerprint) && all.length > 0 && all.every((f) => f.trim().toUpperCase() === fingerprint.toUpperCase());
}
