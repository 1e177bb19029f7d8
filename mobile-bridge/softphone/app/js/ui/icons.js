import { h } from "./dom.js";

/** Drawn for this phone on a grid of 24, as strokes. */
const paths = {
	call: "M6.6 3.5h2.2c.5 0 .9.3 1 .8l.8 3.3c.1.4 0 .8-.4 1.1L8.5 10c1.1 2.3 3.2 4.4 5.5 5.5l1.3-1.7c.3-.4.7-.5 1.1-.4l3.3.8c.5.1.8.5.8 1v2.2c0 1.7-1.4 3.1-3.1 3.1C9.9 20.5 3.5 14.1 3.5 6.6 3.5 4.9 4.9 3.5 6.6 3.5Z",
	end: "M3.2 14.6 3 12.7c-.1-.9.3-1.7 1.1-2.2 4.8-3 11-3 15.8 0 .8.5 1.2 1.3 1.1 2.2l-.2 1.9c-.1.7-.7 1.1-1.3 1l-3-.6c-.5-.1-.9-.5-.9-1v-1.9c-2.3-.8-4.9-.8-7.2 0V14c0 .5-.4.9-.9 1l-3 .6c-.6.1-1.2-.3-1.3-1Z",
	mic: "M12 3.5a2.8 2.8 0 0 0-2.8 2.8v5.4a2.8 2.8 0 0 0 5.6 0V6.3A2.8 2.8 0 0 0 12 3.5ZM5.8 11.5a6.2 6.2 0 0 0 12.4 0M12 17.7v3",
	muted: "M9.2 9.2v2.5a2.8 2.8 0 0 0 4.6 2.1M14.8 11V6.3a2.8 2.8 0 0 0-5.3-1.2M5.8 11.5a6.2 6.2 0 0 0 9.6 5.2M18.2 11.5a6 6 0 0 1-.5 2.4M12 17.7v3M4 4l16 16",
	camera: "M4.5 6.5h9c.8 0 1.5.7 1.5 1.5v8c0 .8-.7 1.5-1.5 1.5h-9C3.7 17.5 3 16.8 3 16V8c0-.8.7-1.5 1.5-1.5ZM15 10.6l6-3.1v9l-6-3.1",
	transfer: "M4 8.5h13M13.5 5 17 8.5 13.5 12M20 15.5H7M10.5 12 7 15.5l3.5 3.5",
	join: "M4 6h3.5c4 0 4.5 6 8.5 6H20M4 18h3.5c4 0 4.5-6 8.5-6M16.5 8.5 20 12l-3.5 3.5",
	pause: "M9 5.5v13M15 5.5v13",
	play: "M8 5.3v13.4L18.5 12 8 5.3Z",
	keypad: "M6 5.5h.01M12 5.5h.01M18 5.5h.01M6 12h.01M12 12h.01M18 12h.01M6 18.5h.01M12 18.5h.01M18 18.5h.01",
	recents: "M12 4a8 8 0 1 1-7.4 5M4 4.5V9h4.5M12 8v4.3l2.9 1.7",
	contacts: "M12 11.5a3.7 3.7 0 1 0 0-7.5 3.7 3.7 0 0 0 0 7.5ZM4.5 20c.6-3.4 3.7-5.5 7.5-5.5s6.9 2.1 7.5 5.5",
	settings: "M4 7.5h9M17.5 7.5H20M4 16.5h2.5M11 16.5h9M15.2 10a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM8.8 19a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Z",
	speaker: "M4 9.7v4.6h3.2l4.8 4V5.7l-4.8 4H4ZM15.5 9a4 4 0 0 1 0 6M18 6.5a7.7 7.7 0 0 1 0 11",
	back: "M9 5.5h9.5c.8 0 1.5.7 1.5 1.5v10c0 .8-.7 1.5-1.5 1.5H9L3.5 12 9 5.5ZM11.5 9.5l5 5M16.5 9.5l-5 5",
	search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13ZM15.3 15.3 20 20",
	incoming: "M17.5 6.5 7 17M7 9v8h8",
	outgoing: "M6.5 17.5 17 7M9 7h8v8",
	missed: "M4.5 8.5 12 15l7.5-7.5M4.5 13V8.5H9",
	close: "M6 6l12 12M18 6 6 18",
	bell: "M6.5 16.5V11a5.5 5.5 0 0 1 11 0v5.5l1.5 1.5H5l1.5-1.5ZM10 20.5h4",
	voicemail: "M6.5 15.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM17.5 15.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM6.5 15.5h11",
	trash: "M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7",
};

/** icon is decoration: what it means stands beside it, or in the label of its button. */
export const icon = (name) => h("svg", {
	viewBox: "0 0 24 24", class: `icon icon-${name}`, "aria-hidden": "true", focusable: "false",
}, h("path", { d: paths[name] }));

/** mark is the sign of the product: the finger wheel of a dial, with one hole in copper. */
export function mark() {
	const holes = Array.from({ length: 10 }, (_, i) => {
		const a = ((i - 1) * Math.PI) / 5 - Math.PI / 2;
		return h("circle", { cx: (16 + 11.5 * Math.cos(a)).toFixed(2), cy: (16 + 11.5 * Math.sin(a)).toFixed(2), r: "2.5", class: i === 0 ? "copper" : null });
	});
	return h("svg", { viewBox: "0 0 32 32", class: "mark", "aria-hidden": "true", focusable: "false" }, holes, h("circle", { cx: "16", cy: "16", r: "5", class: "hub" }));
}
