// Who this browser is: its keys, and the device that it became by its link (package enrol).
import { base64, hash, utf8 } from "./bytes.js";
import { parseCode } from "./code.js";
import { Failure } from "./failure.js";
import { enrolProof, jwkOf, makeSigningKey, ownProof, pushProof, sign, thumbprint } from "./proof.js";
import { makeSealKey } from "./seal.js";
import * as store from "./store.js";

const path = "/api/v1/device-enrolments";

/** keysOf returns the keys of this browser. They are made before it enrols, so that an exchange that was cut off can be repeated. */
async function keysOf() {
	let keys = await store.load("keys");
	if (!keys) {
		keys = { signing: await makeSigningKey(), seal: await makeSealKey() };
		await store.save("keys", keys);
	}
	return keys;
}

/** ask sends a request with its proof to the cloud, through the bridge that served this page. */
async function ask(method, at, typ, keys, body, claims, now) {
	const text = JSON.stringify(body);
	const proof = await sign(typ, keys.signing, { ...claims, bh: await hash(text) }, now);
	let answer;
	try {
		answer = await fetch(at, { method, body: utf8(text), headers: { "Content-Type": "application/json", "Strowger-Proof": proof } });
	} catch {
		throw new Failure("offline", "The server cannot be reached. Check the network and try again");
	}
	if (answer.ok && answer.headers.get("Content-Type")?.startsWith("audio/")) {
		return answer.blob();
	}
	const said = await answer.json().catch(() => ({}));
	if (!answer.ok) {
		throw new Failure(said.code ?? "internal", said.detail ?? `The server answered ${answer.status}`);
	}
	return said;
}

/** platform tells people what this is. */
function platform() {
	const ua = navigator.userAgent;
	const browser = /(Firefox|Edg|OPR|Chrome|Version)\/(\d+)/.exec(ua) ?? ["", "Browser", ""];
	const name = { Edg: "Edge", OPR: "Opera", Version: "Safari" }[browser[1]] ?? browser[1];
	const system = /(Android|iPhone|iPad|Mac OS X|Windows|CrOS|Linux)/.exec(ua)?.[1] ?? "";
	return `${name} ${browser[2]}${system && `, ${system}`}`;
}

/** enrol makes this browser the device of a code, and returns who it is. */
export async function enrol(code, push) {
	const secret = await parseCode(code);
	const keys = await keysOf();
	const info = await ask("POST", path, enrolProof, keys, {
		secret: base64(secret), signing_key: await jwkOf(keys.signing), seal_key: keys.seal.public, platform: platform(), push,
	}, {}, Date.now());
	await keep(info, push);
	return whoAmI();
}

/** update tells the cloud where this browser's pushes go, and learns what may have changed. */
export async function update(me, push) {
	const info = await ask("PUT", `${path}/${me.device}/push`, pushProof, { signing: me.signing }, { push }, { sub: me.device }, me.now());
	await keep(info, push);
	return whoAmI();
}

/** own asks what is the user's, and changes it (package enrol, OwnRequest): an OwnReply, or a message as a Blob. */
export const own = (me, request) => ask("POST", `${path}/${me.device}/own`, ownProof, { signing: me.signing }, request, { sub: me.device }, me.now());

const keep = (info, push) => store.save("identity", { info, push, apart: Date.parse(info.now) - Date.now() });

/** whoAmI returns the device that this browser is, or null: {org, device, user, ..., keys, signing, thumbprint, secret, now()}. */
export async function whoAmI() {
	const [keys, identity] = await Promise.all([store.load("keys"), store.load("identity")]);
	if (!keys || !identity) {
		return null;
	}
	const { info, push, apart } = identity;
	return {
		org: info.org, orgName: info.org_name, device: info.device, deviceName: info.device_name, user: info.user, userName: info.user_name,
		numbers: info.numbers ?? [], contacts: info.contacts ?? [], keys: info.session_keys, push,
		signing: keys.signing, thumbprint: await thumbprint(keys.signing), secret: keys.seal.secret,
		now: () => Date.now() + apart, // the cloud's time
	};
}
