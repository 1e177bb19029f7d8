// The pictures of a call: theirs over the whole stage, ours in a corner, as in a mirror.
import { h } from "./dom.js";

const moving = (whose, label) => h("video", { class: whose, "data-key": whose, autoplay: true, playsinline: true, "aria-label": label });

/** pictures are the elements of what is seen in a call; null while nothing is. */
export function pictures({ video, name, number }) {
	return (video.picture || video.camera) && h("div", { class: "pictures", "data-key": "pictures" },
		video.picture && moving("theirs", `Picture of ${name || number}`), video.camera && moving("ours", "Your picture"));
}

/** see gives the elements on a page what they show. */
export function see(root, call) {
	for (const [whose, stream] of [["theirs", call?.video.picture], ["ours", call?.video.camera]]) {
		const element = root.querySelector(`video.${whose}`);
		if (element && stream && element.srcObject !== stream) {
			element.srcObject = stream;
		}
	}
}
