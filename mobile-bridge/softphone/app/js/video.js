// The video of a call: our camera, and what the other side's sees. It goes from app to app; a desk phone has none.
import { Failure } from "./failure.js";

/** openVideo asks for the camera, as a Failure in words if there is none. */
export async function openVideo(settings) {
	try {
		return await navigator.mediaDevices.getUserMedia({
			video: { width: { ideal: 1280 }, height: { ideal: 720 }, ...(settings.camera && { deviceId: { ideal: settings.camera } }) },
		});
	} catch (error) {
		throw new Failure("no-camera", {
			NotAllowedError: "This page may not use the camera. Allow it beside the address. The call has audio only.",
			NotFoundError: "No camera is connected. The call has audio only.",
			NotReadableError: "Another program uses the camera. The call has audio only.",
		}[error.name] ?? `The camera cannot be used: ${error.message}`);
	}
}

/** offersVideo says whether the camera of who wrote a description is on. */
export function offersVideo(sdp) {
	const section = sdp.split(/^(?=m=)/m).find((s) => s.startsWith("m=video ")) ?? "";
	const refused = section.startsWith("m=video 0 ") && !/^a=bundle-only\s*$/m.test(section); // RFC 8843, 6
	return section !== "" && !refused && !/^a=(recvonly|inactive)\s*$/m.test(section);
}

const ends = (stream) => stream?.getTracks().forEach((t) => t.stop());

export class Video {
	camera = null; // our stream, while the camera is on
	picture = null; // their stream, while it is seen
	offered = false; // the caller's camera is on
	#call;
	#stream = null; // of what comes, be it seen or not

	/** call is {connection, direct, state, held, renegotiate()}. */
	constructor(call) {
		this.#call = call;
	}

	/** beside is a stream of the microphone, and of the camera if that is on. */
	beside(stream) {
		return this.camera ? new MediaStream([...stream.getTracks(), ...this.camera.getTracks()]) : stream;
	}

	get #transceiver() {
		return this.#call.connection?.getTransceivers?.().find((t) => t.receiver.track.kind === "video" && t.direction !== "stopped" && t.currentDirection !== "stopped");
	}

	/** turn has a camera on, or none with null. What the call is about it is agreed on anew; one that begins, begins with it. */
	async turn(stream) {
		if (this.#call.state === "connected") {
			if (stream && !this.#call.direct) {
				ends(stream);
				throw new Failure("no-video", "A desk phone has no video");
			}
			await this.#film(stream);
			this.#call.renegotiate();
		}
		ends(this.camera);
		this.camera = stream;
	}

	async #film(stream) {
		const track = stream?.getVideoTracks()[0] ?? null;
		const t = this.#transceiver;
		if (!t && track) {
			this.#call.connection.addTrack(track, stream); // which an offer that crosses ours would be met by
		} else if (t) {
			await t.sender.replaceTrack(track);
			t.direction = track ? "sendrecv" : "recvonly";
		}
	}

	/** replace goes on with another camera. */
	async replace(stream) {
		await this.#transceiver?.sender.replaceTrack(stream.getVideoTracks()[0]);
		ends(this.camera);
		this.camera = stream;
	}

	/** begins is told when the call is answered. It returns why there is no video, for people, or "". */
	begins() {
		const t = this.#transceiver;
		if (this.camera && (!this.#call.direct || (this.#call.direction === "outgoing" && !t))) {
			ends(this.camera);
			this.camera = null;
			return this.#call.direct ? "Their app has no video. The call has audio only." : "A desk phone has no video. The call has audio only.";
		}
		if (this.camera && !t?.mid) { // the caller's offer had none
			this.#call.renegotiate();
		}
		this.look();
		return "";
	}

	/** look finds out whether they are seen, by what was agreed on. */
	look() {
		const t = this.#transceiver;
		const seen = t && this.#call.direct && !this.#call.held && !this.#call.waits && ["sendrecv", "recvonly"].includes(t.currentDirection);
		if (seen && this.#stream?.getTracks()[0] !== t.receiver.track) {
			this.#stream = new MediaStream([t.receiver.track]);
		}
		this.picture = seen ? this.#stream : null;
	}

	end() {
		ends(this.camera);
		this.camera = this.picture = null;
	}
}
