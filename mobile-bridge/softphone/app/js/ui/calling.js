// The screens of a call: one that comes in, one that goes on, one that has just ended.
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { pictures } from "./pictures.js";
import { avatar, chooser, matches, pad } from "./screens.js";
import { clock, endOf, grades, stateOf, vouched } from "./text.js";

const nameOf = (call) => call.name || call.number || "Unknown caller";

const person = (call, ...more) => h("div", { class: "party" }, avatar(nameOf(call), "huge"),
	h("h1", { id: "party", tabindex: "-1" }, nameOf(call)), call.name && h("p", { class: "muted" }, call.number),
	vouched(call) && h("p", { class: "muted", id: "vouched" }, vouched(call)), more);

/** forward is where a call of ours went on to, with the name of who that is. */
const forward = (phone, { forward: number }) => number && h("p", { class: "muted" }, `Forwarded to ${[phone.nameOf(number), number].filter(Boolean).join(", ")}`);

const round = (kind, name, label, onclick, more = {}) => h("div", { class: "control" },
	h("button", { type: "button", class: `round ${kind}`, "aria-label": label, "data-key": name, onclick, ...more }, icon(name)), h("span", { "aria-hidden": "true" }, label));

export function incoming(phone, call, act) {
	const busy = phone.current !== null;
	return h("section", { class: "stage incoming", role: "alertdialog", "aria-modal": "true", "aria-labelledby": "party", "aria-describedby": vouched(call) ? "call-state vouched" : "call-state", "data-key": `incoming-${call.leg}` },
		person(call, h("p", { id: "call-state", class: "state" }, stateOf(call))),
		h("div", { class: `controls ${call.video.offered ? "three" : "two"}` },
			round("end", "end", "Decline", () => act.decline(call)),
			call.video.offered && round("call", "camera", "Answer with video", () => act.answer(call, true)),
			round("call pulse", "call", busy ? "Hold and answer" : "Answer", () => act.answer(call), { id: "answer" })));
}

/** bars show a grade without colour as well. */
const bars = (grade) => h("span", { class: `bars ${grade}`, "aria-hidden": "true" }, [1, 2, 3].map(() => h("i")));

function quality(q) {
	if (!q) {
		return null;
	}
	const figures = [q.codec, q.trip && `${Math.round(q.trip)} ms there and back`, `${q.loss.toFixed(1)} % lost`, `${Math.round(q.jitter)} ms jitter`].filter(Boolean);
	return h("details", { class: "quality", "data-key": "quality", "aria-label": "Quality of the call" },
		h("summary", { "aria-label": `Quality: ${grades[q.grade]}` }, bars(q.grade), h("span", {}, grades[q.grade])), h("p", {}, figures.join(" · ")));
}

/** sending asks whom the other side is to talk to. */
function sending(phone, view, act) {
	const found = matches(phone, view.sendTo).slice(0, 3);
	return h("form", {
		class: "card choosing", "data-key": "sending", "aria-label": "Transfer the call",
		onsubmit: (e) => {
			e.preventDefault();
			act.send(view.sendTo);
		},
	},
	h("div", { class: "field" }, h("label", { for: "send-to" }, "Transfer to"), h("input", {
		id: "send-to", type: "tel", value: view.sendTo, autocomplete: "off", placeholder: "Number or name", oninput: (e) => act.sendTyped(e.target.value),
	})),
	found.length > 0 && h("ul", { class: "found", "aria-label": "Contacts found" }, found.map((c) => h("li", { "data-key": c.number },
		h("button", { type: "button", class: "item", "aria-label": `${c.name}, ${c.number}`, onclick: () => act.sendTyped(c.number) }, avatar(c.name, "small"),
			h("span", { class: "who" }, h("b", {}, c.name), h("span", { class: "muted" }, c.number)))))),
	h("div", { class: "row" },
		h("button", { class: "primary", disabled: !view.sendTo }, "Transfer now"),
		!phone.waiting && h("button", { type: "button", class: "quiet", disabled: !view.sendTo, onclick: () => act.consult(view.sendTo) }, "Ask them first")));
}

export function ongoing(phone, call, view, act) {
	const up = call.state === "connected";
	const runs = up && !call.held && !call.waits && !call.resuming && !call.transferring;
	const straight = up && call.direct && "a call between two apps cannot be transferred";
	const { waiting } = phone;
	const state = runs ? clock((Date.now() - call.answeredAt) / 1000) : stateOf(call);
	const toggle = (name, other, label, on, f, more = {}) => round(on ? "soft on" : "soft", on ? other : name, label, f, { "aria-pressed": String(on), "data-key": label, disabled: !up, ...more });
	const { video } = call;
	const blind = up && !call.direct && "a desk phone has no video"; // why there is no camera
	return h("section", { class: `stage ongoing ${video.picture ? "seen" : ""}`, "aria-labelledby": "party", "data-key": `call-${call.since}` },
		pictures(call),
		person(call, forward(phone, call), h("p", { class: `state ${call.state}`, role: runs ? "timer" : "status" }, !up && h("span", { class: "busy", "aria-hidden": "true" }), state), up && quality(view.quality),
			waiting && h("p", { class: "muted" }, waiting.transferring ? stateOf(waiting) : `${nameOf(waiting)} is on hold`)),
		view.keys && up && h("div", { class: "tones" }, h("output", { "aria-label": "Keys pressed" }, view.pressed), pad((k) => act.press(call, k))),
		view.sending && up && !straight && sending(phone, view, act),
		view.choosing && h("div", { class: "card choosing" }, chooser("microphone", "Microphone", phone, view, act), chooser("speaker", "Speaker", phone, view, act), chooser("camera", "Camera", phone, view, act)),
		h("div", { class: "controls" },
			toggle("mic", "muted", "Mute", call.muted, () => call.mute(!call.muted)),
			toggle("keypad", "keypad", "Keypad", view.keys, act.keys),
			toggle("pause", "play", "Hold", call.held, () => call.hold(!call.held), { disabled: !up }),
			toggle("camera", "camera", "Camera", Boolean(video.camera), () => act.film(call), {
				disabled: !up || Boolean(blind) || call.held, title: blind || null, ...(blind && { "aria-label": `Camera: ${blind}` }),
			}),
			toggle("transfer", "transfer", "Transfer", view.sending, act.sending, {
				disabled: !up || Boolean(straight) || Boolean(call.transferring), title: straight || null, ...(straight && { "aria-label": `Transfer: ${straight}` }),
			}),
			waiting && round("soft", "join", "Join", act.join, {
				id: "join", disabled: Boolean(waiting.transferring) || !["ringing", "connected"].includes(call.state), title: `Have ${nameOf(waiting)} and ${nameOf(call)} talk to each other`,
			}),
			toggle("speaker", "speaker", "Devices", view.choosing, act.choosing, { disabled: false }),
			call.state === "queued" && round("soft", "bell", "Keep my place", () => call.keepPlace(), { id: "keep-place", title: "Hang up, and be called back when it is your turn" }),
			round("end", "end", up ? "Hang up" : "Cancel", () => call.hangUp(), { id: "hang-up" })),
		h("p", { class: "fine keys-help" }, "M mutes, H holds, V is for video, digits are sent"));
}

export const ended = (phone, call) => h("section", { class: "stage ended", "aria-labelledby": "party", "data-key": `ended-${call.since}` },
	person(call, h("p", { class: "state", role: "status" }, endOf(call))),
	h("div", { class: "controls" }, round("soft", "close", "Close", () => phone.dismiss())));
