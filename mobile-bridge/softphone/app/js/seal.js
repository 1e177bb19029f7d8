// What pushes carry, sealed to this device: package pushseal.
import { Chacha20Poly1305, CipherSuite, HkdfSha256, XWing } from "../vendor/hpke.js";
import { base64url, fromBase64, text, utf8 } from "./bytes.js";
import { Failure } from "./failure.js";

const info = utf8("strowger wake 1");
const encSize = 1120; // draft-connolly-cfrg-xwing-kem, 5: a ciphertext of ML-KEM-768 and a point of X25519
const maxSealed = encSize + 1536 + 16;
const maxPayload = 8 << 10;

const suite = () => new CipherSuite({ kem: new XWing(), kdf: new HkdfSha256(), aead: new Chacha20Poly1305() });

/** makeSealKey makes a sealing key: {secret: 32 bytes, public: as the cloud takes it}. */
export async function makeSealKey() {
	const { kem } = suite();
	const keys = await kem.generateKeyPair();
	return {
		secret: new Uint8Array(await kem.serializePrivateKey(keys.privateKey)),
		public: base64url(new Uint8Array(await kem.serializePublicKey(keys.publicKey))),
	};
}

/** unwrap returns the sealed bytes of a payload: these themselves, or the object around them that some push services need. */
export function unwrap(payload) {
	if (payload.length > maxPayload) {
		throw new Failure("invalid", `payload of a push of ${payload.length} bytes, at most ${maxPayload} are read`);
	}
	if (payload[0] !== 0x7b) {
		return payload;
	}
	let envelope;
	try {
		envelope = JSON.parse(text(payload));
	} catch {
		return payload; // sealed bytes may begin with anything
	}
	if (typeof envelope.strowger !== "string") {
		throw new Failure("invalid", "payload of a push lacks the member strowger");
	}
	return fromBase64(envelope.strowger);
}

/** open opens what was sealed to this device. Who sealed it is unknown: see checkWake. */
export async function open(secret, org, device, sealed) {
	if (sealed.length <= encSize || sealed.length > maxSealed) {
		throw new Failure("invalid", `sealed payload of ${sealed.length} bytes`);
	}
	const s = suite();
	let plain;
	try {
		const recipientKey = await s.kem.deserializePrivateKey(secret);
		const recipient = await s.createRecipientContext({ recipientKey, enc: sealed.slice(0, encSize), info });
		plain = await recipient.open(sealed.slice(encSize), utf8(`${org}|${device}`));
	} catch (error) {
		throw new Failure("invalid", `the payload was not sealed to this device: ${error.message}`);
	}
	const wake = JSON.parse(text(new Uint8Array(plain)));
	if (wake.v !== 1) {
		throw new Failure("upgrade", `payload of version ${wake.v}, this page reads 1`);
	}
	return wake;
}
