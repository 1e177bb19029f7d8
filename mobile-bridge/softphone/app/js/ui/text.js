// How times, numbers and states are said.

export const initials = (name) => name.split(/\s+/).filter(Boolean).map((w) => w[0]).slice(0, 2).join("").toUpperCase();

/** shade is a number from 0 to 5 that stays with a name, for the colour of its picture. */
export const shade = (name) => [...name].reduce((n, c) => (n * 31 + c.codePointAt(0)) % 6, 7);

export function clock(seconds) {
	const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
	return `${h ? `${h}:` : ""}${h ? String(m).padStart(2, "0") : m}:${String(s).padStart(2, "0")}`;
}

/** spoken is a length as screen readers should say it. */
export function spoken(seconds) {
	const [n, unit] = seconds < 60 ? [seconds, "second"] : [Math.round(seconds / 60), "minute"];
	return `${n} ${unit}${n === 1 ? "" : "s"}`;
}

export function day(at, now = new Date()) {
	const [d, today] = [new Date(at), new Date(now)];
	const days = Math.round((today.setHours(0, 0, 0, 0) - new Date(d).setHours(0, 0, 0, 0)) / 86_400_000);
	if (days === 0) {
		return "Today";
	}
	return days === 1 ? "Yesterday" : d.toLocaleDateString(undefined, { weekday: days < 7 ? "long" : undefined, day: "numeric", month: "long" });
}

export const time = (at) => new Date(at).toLocaleTimeString(undefined, { hour: "numeric", minute: "2-digit" });

/** queuedAt is where a call stands in a queue, and how long that may take. */
export function queuedAt(standing) {
	const { position, wait } = standing ?? {};
	const first = position === 1 ? "They are on the phone. You are next" : `They are on the phone. You are number ${position}`;
	switch (true) {
		case wait === null || wait === undefined: return first;
		case wait < 60: return `${first}, in less than a minute`;
		default: return `${first}, in about ${spoken(60 * Math.round(wait / 60))}`;
	}
}

/** stateOf is what a call is doing, as it is: a phone that is being woken does not ring yet. */
export function stateOf(call) {
	if (call.resuming) {
		return "Reconnecting";
	}
	if (call.transferring) {
		return `Transferring to ${call.transferring}`;
	}
	if (call.held) {
		return "On hold";
	}
	if (call.waits) {
		return "They put you on hold";
	}
	const words = {
		incoming: { waking: "Connecting", ringing: call.video.offered ? "Incoming video call" : "Incoming call", answering: "Connecting the audio", connected: "Connected" },
		outgoing: { asking: "Calling", calling: "Reaching their office", waking: "Waking their phone", forwarded: "Being forwarded", queued: queuedAt(call.standing), ringing: "Ringing", connected: "Connected" },
	};
	return words[call.direction][call.state] ?? "";
}

/** vouched is what the signature of a caller outside says of their number, "" where nobody says anything. */
export const vouched = (call) => ({
	"TN-Validation-Passed": "✓ Number verified", "TN-Validation-Failed": "⚠ Number not verified: it may be somebody else's",
})[call.verstat] ?? "";

/** endOf is how a call ended, in words. */
export function endOf(call) {
	if (call.end.words) {
		return call.end.words;
	}
	return call.answeredAt ? `Call ended · ${clock(call.seconds)}` : "Call ended";
}

/** reach says how this phone can be reached: {state: good, wait or bad; words}. */
export function reach(phone) {
	const { trouble } = phone;
	if (trouble?.code === "disabled") {
		return { state: "bad", words: "Switched off", more: "An administrator switched this phone off. It comes back by itself when they enable it again." };
	}
	if (["revoked", "wrong-presenter"].includes(trouble?.code)) {
		return { state: "bad", words: "Removed", more: "This phone was removed from your organization. Ask for a new link." };
	}
	if (trouble?.code === "conflict") {
		return { state: "bad", words: "In use elsewhere", more: "Another window has this phone." };
	}
	if (trouble?.code === "upgrade-needed") {
		return { state: "bad", words: "Out of date", more: "This page does not fit its server. Load it again." };
	}
	if (!navigator.onLine) {
		return { state: "bad", words: "No network", more: "This device is offline. Calls cannot reach it." };
	}
	if (!phone.connected) {
		return phone.push.state === "on"
			? { state: "wait", words: "Connecting", more: "Calls still wake this browser by notifications." }
			: { state: "wait", words: "Connecting", more: "Calls cannot reach this browser until it is connected." };
	}
	return phone.push.state === "on"
		? { state: "good", words: "Reachable", more: "Calls ring here, even when this page is closed." }
		: { state: "good", words: "Reachable", more: "Calls ring here while this page is open." };
}

export const grades = { good: "Good", fair: "Fair", poor: "Poor", silent: "Nothing is heard" };
