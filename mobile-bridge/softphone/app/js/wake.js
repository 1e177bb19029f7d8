// From the bytes of a push, or of the channel, to a call that may ring.
import { update, whoAmI } from "./identity.js";
import { open, unwrap } from "./seal.js";
import { checkWake } from "./sessionkey.js";
import * as store from "./store.js";

const askEvery = 60_000; // between exchanges with the cloud that pushes cause: anyone can make one whose key is unknown
const maxLifetime = 600 + 30; // seconds after its end that the push of a call may come again

/** believe opens and checks a payload: {me, wake, claims}. A call that is over already throws its Failure with claims. */
export async function believe(payload) {
	let me = await whoAmI();
	if (!me) {
		return null;
	}
	const wake = await open(me.secret, me.org, me.device, unwrap(payload));
	try {
		return { me, wake, claims: await checkWake(wake, me, me.now()) };
	} catch (error) {
		if (error.code !== "unknown-key" || Date.now() - ((await store.load("asked")) ?? 0) < askEvery) {
			throw error;
		}
		await store.save("asked", Date.now());
		me = await update(me, me.push);
		return { me, wake, claims: await checkWake(wake, me, me.now()) };
	}
}

/** first notes a wake, and says whether its leg is new: the same push may come again, and by several ways. */
export async function first({ wake, claims }) {
	for (const old of await store.allWakes()) {
		if (Date.now() / 1000 > old.claims.exp + maxLifetime) {
			await store.dropWake(old.claims.jti);
		}
	}
	const known = await store.wakeOf(claims.jti);
	if (!known) {
		await store.keepWake(claims.jti, { wake, claims, over: false });
	}
	return !known;
}

/** done notes that the call of a wake is over: nothing rings for it again. */
export async function done(claims, wake) {
	await store.keepWake(claims.jti, { wake, claims, over: true });
}

/** record is a call as the list of recent calls has it. */
export const record = (call) => ({
	call: call.id ?? `local-${call.since}`, direction: call.direction, name: call.name, number: call.number, at: call.since,
	seconds: call.seconds ?? 0, outcome: call.end?.kind ?? "missed", code: call.end?.code ?? "", words: call.end?.words ?? "",
	seen: call.direction === "outgoing" || Boolean(call.answeredAt) || call.end?.kind === "declined",
});
