package sdk

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// bound is the module in which gobind runs: it must know the SDK and gobind's own support files, which are none of the
// product's.
const bound = "package bound\n\nimport (\n\t_ \"golang.org/x/mobile/bind\"\n\t_ \"strowger/mobile-bridge/sdk\"\n)\n"

// TestBindings has gobind bind the SDK for Java and for Objective-C, and finds there what apps need. gobind passes over what it
// cannot bind without a word, so that this is compared too.
func TestBindings(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	tools := filepath.Join(root, ".ci/tools")
	gobind := strings.TrimSpace(run(t, tools, "go", "tool", "-n", "golang.org/x/mobile/cmd/gobind"))
	version := strings.TrimSpace(run(t, tools, "go", "list", "-m", "-f", "{{.Version}}", "golang.org/x/mobile"))

	dir := t.TempDir()
	mod := regexp.MustCompile(`(?m)^(module|tool) .*$`).ReplaceAllString(read(t, root, "go.mod"), "")
	mod = "module bound\n" + mod + "\nrequire (\n\tstrowger v0.0.0\n\tgolang.org/x/mobile " + version + "\n)\n\nreplace strowger => " + root + "\n"
	for name, text := range map[string]string{"go.mod": mod, "go.sum": read(t, root, "go.sum") + read(t, tools, "go.sum"), "bound.go": bound} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run(t, dir, gobind, "-lang=java,objc", "-outdir", "out", "strowger/mobile-bridge/sdk")

	for name, wants := range map[string][]string{
		"java/sdk/Sdk.java":      {"Folder newFolder(String dir) throws", "Phone newPhone(Store store, Listener listener) throws", `Woken = "woken"`, `Ringing = "ringing"`},
		"java/sdk/Phone.java":    {"void enrol(String link, String platform, Targets targets) throws", "Call push(byte[] payload) throws", "Call dial(String number, DialOptions o) throws", "void setVideo(boolean vp8, boolean h264)", "void close()"},
		"java/sdk/Call.java":     {"void answer(Audio a)", "void decline()", "void busy()", "void hangup()", "void hold()", "void sendDTMF(String keys) throws", "void speak(byte[] pcm)", "void answerFrames(Frames f)", "void speakFrame(byte[] payload)", "void startVideo(Video v, boolean camera)", "void sendPicture(byte[] data, long micros)", "VideoStatistics videoStatistics()", "Statistics statistics()"},
		"java/sdk/Listener.java": {"void happened(Event e)"},
		"java/sdk/Audio.java":    {"void start(Call c)", "void play(byte[] pcm)", "void stop()"},
		"java/sdk/Frames.java":   {"void playFrame(Frame f)"},
		"java/sdk/Video.java":    {"void showPicture(Picture picture)"},
		"java/sdk/Decoder.java":  {"byte[] decode(byte[] frame) throws"},
		"java/sdk/Store.java":    {"byte[] load(String name) throws", "void save(String name, byte[] data) throws"},
		"src/gobind/Sdk.objc.h":  {"SdkPhone* _Nullable SdkNewPhone(", "- (SdkCall* _Nullable)push:(NSData* _Nullable)payload", "@protocol SdkAudio", "- (void)answer:(id<SdkAudio> _Nullable)a"},
	} {
		text := read(t, filepath.Join(dir, "out"), name)
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s has no %q", name, want)
			}
		}
	}
	if got, want := skipped(t, filepath.Join(dir, "out")), []string{"Phone.SetLogger", "Phone.SetUDP"}; !slices.Equal(got, want) {
		t.Errorf("gobind cannot bind %v, want %v", got, want)
	}
}

// skipped is what gobind passed over.
func skipped(t *testing.T, dir string) (all []string) {
	t.Helper()
	line := regexp.MustCompile(`// skipped \S+ (\S+) with`)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range line.FindAllStringSubmatch(string(text), -1) {
			all = append(all, m[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod -buildvcs=false")
	if name == "go" {
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=readonly")
	}
	var errors strings.Builder
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, errors.String())
	}
	return string(out)
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
