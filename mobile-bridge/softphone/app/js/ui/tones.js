// What is heard besides speech: the ring, the ring-back tone of a phone that really rings, and keys.

const keys = { 1: [697, 1209], 2: [697, 1336], 3: [697, 1477], 4: [770, 1209], 5: [770, 1336], 6: [770, 1477], 7: [852, 1209], 8: [852, 1336], 9: [852, 1477], "*": [941, 1209], 0: [941, 1336], "#": [941, 1477] };

export class Tones {
	#context = null;
	#playing = ""; // what repeats
	#timer = null;

	/** play repeats a ring or a ring-back tone; "" ends it. */
	play(what, volume) {
		if (what === this.#playing) {
			return;
		}
		this.#playing = what;
		clearInterval(this.#timer);
		this.#gain?.disconnect();
		this.#gain = null;
		if (what === "") {
			return;
		}
		const once = what === "ring" ? () => this.#ring(volume) : () => this.#tone([425], 1, 0.08); // ITU-T E.180: 425 Hz, 1 s of 5
		once();
		this.#timer = setInterval(once, what === "ring" ? 3000 : 5000);
	}

	#gain = null;

	key(k) {
		if (keys[k] && this.#playing === "") {
			this.#tone(keys[k], 0.09, 0.06);
		}
	}

	#ring(volume) {
		// Two notes, three times: like a bell that is struck, not like an alarm.
		[0, 0.16, 0.32].forEach((at) => {
			this.#tone([784], 0.32, 0.22 * volume, at);
			this.#tone([1047], 0.42, 0.16 * volume, at + 0.08);
		});
	}

	#tone(frequencies, seconds, volume, after = 0) {
		this.#context ??= new AudioContext();
		this.#context.resume().catch(() => {});
		const c = this.#context;
		const at = c.currentTime + after;
		if (!this.#gain) {
			this.#gain = c.createGain();
			this.#gain.connect(c.destination);
		}
		for (const f of frequencies) {
			const [o, g] = [c.createOscillator(), c.createGain()];
			o.frequency.value = f;
			g.gain.setValueAtTime(0, at);
			g.gain.linearRampToValueAtTime(volume, at + 0.01);
			g.gain.setValueAtTime(volume, at + Math.max(0.02, seconds - 0.06));
			g.gain.linearRampToValueAtTime(0, at + seconds);
			o.connect(g).connect(this.#gain);
			o.start(at);
			o.stop(at + seconds + 0.02);
		}
	}
}
