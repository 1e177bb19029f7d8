// Words for people: why a call did not come about, or is over.
import { Failure } from "./failure.js";

/** What the codes of the system mean for who made or got the call. Where the other side says more, its words are shown. */
const byCode = {
	"busy": "They are on another call",
	"declined": "They declined",
	"no-answer": "No answer",
	"offline": "None of their phones can be reached now",
	"not-found": "This number does not exist",
	"unreachable": "They cannot be reached now",
	"forbidden": "You may not call this number",
	"disabled": "This number is switched off",
	"no-common-codec": "Their phone and this one have no way of speaking in common",
	"answered-elsewhere": "Answered on another device",
	"declined-elsewhere": "Declined on another device",
	"cancelled": "The caller hung up",
	"do-not-disturb": "They do not want to be disturbed",
	"congested": "Too much is going on. Try again in a moment",
	"cloud-away": "The directory cannot be reached. Try again in a moment",
	"link-lost": "The connection was lost",
	"media-lost": "No way was found for the audio",
	"revoked": "This phone was removed. Ask your administrator for a new link",
	"key-expired": "The call was over before this device was reached",
	"call-back": "You keep your place. This phone rings when it is your turn",
	"gone": "The call was over before this device was reached",
};

/** wordsFor is what people are told of a code; said is what the other side said. */
export const wordsFor = (code, said = "") => byCode[code] ?? (said || "The call is over");

/** Codes of SIP and of Reason headers, where no code of ours comes with them. */
const byStatus = {
	200: "answered-elsewhere", 403: "forbidden", 404: "not-found", 408: "no-answer", 410: "not-found", 480: "offline", 484: "not-found",
	486: "busy", 487: "cancelled", 488: "no-common-codec", 503: "congested", 600: "busy", 603: "declined", 604: "not-found",
};

/** endOfMessage reads why the other side ended a call off its last message: our own header, Reason (RFC 3326), the status. */
export function endOfMessage(message, cause) {
	if (!message) {
		return new Failure("", cause === "Connection Error" ? byCode["link-lost"] : "");
	}
	const reasons = message.getHeaders?.("Reason") ?? [];
	const said = reasons.map((r) => /text="?([^";]*)/i.exec(r)?.[1]).find(Boolean) ?? "";
	const status = message.status_code ?? Number(reasons.map((r) => /^SIP\s*;.*cause=(\d+)/i.exec(r)?.[1]).find(Boolean) ?? 0);
	if (message.method === "BYE") {
		return new Failure(message.getHeader("Strowger-Refusal") ?? "", ordinary.test(said) ? "" : said);
	}
	const code = message.getHeader("Strowger-Refusal") ?? (message.method === "CANCEL" && !status ? "cancelled" : byStatus[status]) ?? "";
	return new Failure(code, message.method === "CANCEL" && !byCode[code] ? said : wordsFor(code, said || message.reason_phrase));
}

/** standingOf reads where this phone stands in a queue, "2;wait=75", as package sip has it; null if it does not say. */
export function standingOf(header) {
	const [, position, wait] = /^\s*([1-9]\d{0,5})\s*(?:;(?:[^;]*;)*?\s*wait=(\d{1,5})\s*(?:;|$)|;|$)/.exec(header) ?? [];
	return position ? { position: Number(position), wait: wait === undefined ? null : Number(wait) } : null;
}

const ordinary = /^normal|^hung up|clearing$/i;
