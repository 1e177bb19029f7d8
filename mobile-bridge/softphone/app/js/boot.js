// Before the modules: says it in words when one of them cannot be loaded, or the phone cannot begin.
(() => {
	const failed = ({ message, reason }) => {
		const page = document.getElementById("app");
		if (page.hasAttribute("aria-busy")) {
			page.removeAttribute("aria-busy");
			document.getElementById("why").textContent = reason?.message ?? message ?? "";
			document.getElementById("trouble").hidden = false;
		}
	};
	addEventListener("error", failed, true); // of a script that is not there, which does not bubble
	addEventListener("unhandledrejection", failed);
	addEventListener("DOMContentLoaded", () => {
		document.getElementById("again").onclick = () => location.reload();
	});
})();
