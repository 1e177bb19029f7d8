package integration

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"strowger/integration/phone"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// disk is a small file system of its own, on which a role of a deployment has its data.
type disk struct{ folder, image string }

// onDisk stops a role that is running and moves its data to a disk of 8 MiB; the role is then to be launched again.
func (d *deployment) onDisk(t *testing.T, role *process, folder string) *disk {
	t.Helper()
	k := &disk{folder: folder, image: filepath.Join(t.TempDir(), "disk")}
	role.kill(t)
	before := filepath.Join(t.TempDir(), "before")
	if err := errors.Join(os.Rename(folder, before), os.Mkdir(folder, 0o700), os.WriteFile(k.image, nil, 0o600), os.Truncate(k.image, 8<<20)); err != nil {
		t.Fatal(err)
	}
	k.run(t, "mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", k.image)
	k.mount(t)
	t.Cleanup(func() {
		role.kill(t) // else the disk is busy
		k.unmount(t)
	})
	k.run(t, "cp", "-a", before+"/.", folder)
	k.run(t, "sync", "-f", folder)
	return k
}

// run runs a program of the system. What only root may do, and not in every container, ends the test.
func (k *disk) run(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	switch {
	case err != nil && os.Getenv("CI") != "true":
		t.Skipf("no disk of its own (that takes root, e2fsprogs and loop devices): %s: %v: %s", name, err, out)
	case err != nil:
		t.Fatalf("%s: %v: %s", name, err, out)
	}
}

func (k *disk) mount(t *testing.T) {
	t.Helper()
	k.run(t, "mount", "-o", "loop,errors=remount-ro", k.image, k.folder)
}

func (k *disk) unmount(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("umount", k.folder).CombinedOutput(); err != nil {
		t.Errorf("umount: %v: %s", err, out)
	}
}

// fill leaves no byte on the disk.
func (k *disk) fill(t *testing.T) {
	t.Helper()
	f, err := os.Create(k.filler())
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 20; size > 0 && err == nil; {
		if _, err = f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size, err = size/2, nil
		}
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// free undoes fill.
func (k *disk) free(t *testing.T) {
	t.Helper()
	if err := os.Remove(k.filler()); err != nil {
		t.Fatal(err)
	}
}

func (k *disk) filler() string { return filepath.Join(k.folder, "filler") }

// fail has the kernel find an error on the disk: from now on it is read-only, also for who has files open.
func (k *disk) fail(t *testing.T) {
	t.Helper()
	device, err := exec.Command("findmnt", "-n", "-o", "SOURCE", k.folder).Output()
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join("/sys/fs/ext4", filepath.Base(strings.TrimSpace(string(device))), "trigger_fs_error")
	if err := os.WriteFile(at, []byte("by a test"), 0); err != nil {
		t.Fatal(err)
	}
}

// mend repairs a disk that failed, as an admin does: its role must not run.
func (k *disk) mend(t *testing.T) {
	t.Helper()
	until(t, func() string { // while a new namespace of mounts has a copy of the old one, the kernel gives that again
		k.unmount(t)
		check := exec.Command("e2fsck", "-p", "-f", k.image)
		if out, err := check.CombinedOutput(); err != nil && check.ProcessState.ExitCode() != 1 { // 1: it corrected something
			t.Fatalf("e2fsck: %v: %s", err, out)
		}
		k.mount(t)
		probe := filepath.Join(k.folder, "probe")
		if err := errors.Join(os.WriteFile(probe, nil, 0o600), os.Remove(probe)); err != nil {
			return err.Error()
		}
		return ""
	})
}

// stored is what is on the disk: the content of each file by its path. SQLite may make its index of the log (-shm) anew.
func (k *disk) stored(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(k.folder, func(path string, f fs.DirEntry, err error) error {
		if err != nil || !f.Type().IsRegular() || strings.HasSuffix(path, "-shm") || path == k.filler() {
			return err
		}
		b, err := os.ReadFile(path)
		all[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// ready asks a role whether it takes work: the status of the answer, and its words.
func ready(t *testing.T, at string) (int, string) {
	t.Helper()
	resp, err := http.Get("http://" + at + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	words, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(words)
}

// unready has a pair of phones call each other, which must succeed, until a role says that it takes no work and why.
func unready(t *testing.T, at, why string, from, to *phone.Phone, number string) {
	t.Helper()
	until(t, func() string {
		out, in := connect(t, from, number, to)
		hangUp(t, out, in)
		if code, words := ready(t, at); code != 503 || !strings.Contains(words, why) {
			return "it does not say " + why + " but " + words
		}
		return ""
	})
}

// readyAgain waits until a role takes work.
func readyAgain(t *testing.T, at string) {
	t.Helper()
	until(t, func() string {
		if code, words := ready(t, at); code != 200 {
			return "it is not ready: " + words
		}
		return ""
	})
}

// TestFullDisk fills the disk of a switch, then that of the cloud, under calls: all go on, those who look are told, and
// when there is room again nothing is missing.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	d := deploy(t, sqlite, embedded)
	ann, from := d.person(t, 0, "Ann", nil)
	bob, to := d.person(t, 1, "Bob", nil)
	full := syscall.ENOSPC.Error()

	k := d.onDisk(t, &d.switches[0], d.folder(0))
	d.switches[0].launch(t, d.dir, d.log)
	d.switchStarted(t, 0)
	k.fill(t)
	unready(t, d.metrics[0], full, from, to, bob.number.Dial)
	if err := from.Register(soon(t)); err != nil {
		t.Errorf("a phone is refused: %v", err)
	}
	d.logged(t, "registrations cannot be saved")
	carl, third := d.person(t, 0, "Carl", nil)
	out, in := connect(t, from, carl.number.Digits, third) // by documents that are nowhere but in memory
	hangUp(t, out, in)
	until(t, func() string {
		if sw, err := d.Client.Switches().Get(soon(t), d.Offices[0].Switch.ID); err != nil || !strings.Contains(sw.DiskError, full) {
			return fmt.Sprintf("the cloud knows of the disk %q, %v", sw.DiskError, err)
		}
		return ""
	})
	if n := strings.Count(d.log.since(0), "cannot be saved"); n > 1 {
		t.Errorf("it says %d times that registrations cannot be saved", n)
	}
	k.free(t)
	readyAgain(t, d.metrics[0])
	d.logged(t, "call ledger is written again")
	d.logged(t, "registrations are saved again")
	d.logged(t, "documents are kept on disk again")
	d.record(t, carl.user, 1)
	d.checkLedger(t)
	d.switches[0].kill(t)
	d.switches[0].launch(t, d.dir, d.log)
	d.switchStarted(t, 0)
	d.registered(t, carl, true)
	d.registered(t, ann, true)

	k = d.onDisk(t, &d.cloud, filepath.Join(d.dir, "cloud"))
	d.cloud.launch(t, d.dir, d.log)
	d.cloud.started(t, &struct{}{})
	d.settle(t)
	k.fill(t)
	unready(t, d.watch, "takes no writes", from, to, bob.number.Dial)
	if _, err := d.Client.Users().Create(soon(t), rest.NewUser("Dora")); errs.CodeOf(err) != errs.CloudAway || !strings.Contains(err.Error(), "disk") {
		t.Errorf("a user is made on the full disk: %v", err)
	}
	if _, err := d.Client.Users().Get(soon(t), ann.user.ID); err != nil {
		t.Errorf("a user is read on the full disk: %v", err)
	}
	d.logged(t, "the database is away")
	k.free(t)
	readyAgain(t, d.watch)
	d.settle(t)
	d.record(t, ann.user, 2)
	d.checkLedger(t)
}

// TestReadOnlyDisk has the kernel make the disk of a switch, then that of the cloud, read-only, as it does when it finds
// errors there. Calls go on; what was stored is there when the disk is mended and the role started again.
func TestReadOnlyDisk(t *testing.T) {
	t.Parallel()
	d := deploy(t, sqlite, embedded)
	ann, from := d.person(t, 0, "Ann", nil)
	bob, to := d.person(t, 1, "Bob", nil)
	failed := syscall.EROFS.Error()

	k := d.onDisk(t, &d.switches[0], d.folder(0))
	d.switches[0].launch(t, d.dir, d.log)
	d.switchStarted(t, 0)
	k.fail(t)
	unready(t, d.metrics[0], failed, from, to, bob.number.Dial)
	if err := from.Register(soon(t)); err != nil {
		t.Errorf("a phone is refused: %v", err)
	}
	d.switches[0].kill(t)
	d.switches[0].fails(t, d.dir, failed, "--data")
	k.mend(t)
	d.switches[0].launch(t, d.dir, d.log)
	d.switchStarted(t, 0)
	d.registered(t, ann, true)

	k = d.onDisk(t, &d.cloud, filepath.Join(d.dir, "cloud"))
	d.cloud.launch(t, d.dir, d.log)
	d.cloud.started(t, &struct{}{})
	d.settle(t)
	k.fail(t)
	unready(t, d.watch, "takes no writes", from, to, bob.number.Dial)
	d.cloud.kill(t)
	d.cloud.fails(t, d.dir, failed, "--data")
	k.mend(t)
	d.cloud.launch(t, d.dir, d.log)
	d.cloud.started(t, &struct{}{})
	d.settle(t)
	out, in := connect(t, from, bob.number.Dial, to)
	hangUp(t, out, in)
	d.record(t, ann.user, 2)
}

// TestStartOnBadDisk starts the switch, then the cloud, on a disk that is read-only, and the switch on one that is full: it goes
// on with what it has. What cannot work says why and ends, and nothing that is stored is changed. Whether a cloud starts on a
// full disk is a matter of the room that its database has left in its files.
func TestStartOnBadDisk(t *testing.T) {
	t.Parallel()
	d := deploy(t, sqlite, embedded)
	ann, from := d.person(t, 0, "Ann", nil)
	bob, to := d.person(t, 1, "Bob", nil)
	call := func() {
		t.Helper()
		d.settle(t)
		out, in := connect(t, from, bob.number.Dial, to)
		hangUp(t, out, in)
	}

	sw := &d.switches[0]
	k := d.onDisk(t, sw, d.folder(0))
	k.refuses(t, d, sw, syscall.EROFS.Error(), "--data")
	k.fill(t)
	sw.launch(t, d.dir, d.log)
	d.switchStarted(t, 0)
	call()
	k.free(t)
	readyAgain(t, d.metrics[0])
	d.record(t, ann.user, 2)

	k = d.onDisk(t, &d.cloud, filepath.Join(d.dir, "cloud"))
	k.refuses(t, d, &d.cloud, syscall.EROFS.Error(), "--data")
	d.cloud.launch(t, d.dir, d.log)
	d.cloud.started(t, &struct{}{})
	call()
	d.record(t, ann.user, 2)
	d.checkLedger(t)
}

// refuses starts a role on the disk while that is read-only: it must not start.
func (k *disk) refuses(t *testing.T, d *deployment, role *process, words ...string) {
	t.Helper()
	before := k.stored(t)
	k.run(t, "mount", "-o", "remount,ro", k.folder)
	role.fails(t, d.dir, words...)
	k.run(t, "mount", "-o", "remount,rw", k.folder)
	if !maps.Equal(before, k.stored(t)) {
		t.Errorf("the %s that did not start changed something", role.name)
	}
}

// TestFullDiskOfVoicemail fills the disk of a switch that takes messages: a caller is told, and so is one who speaks while it fills, of whom what
// was on the disk stays. When there is room again messages are taken.
func TestFullDiskOfVoicemail(t *testing.T) {
	t.Parallel()
	d := deploy(t, sqlite, embedded)
	_, from := d.person(t, 1, "Ann", func(c *phone.Config) { c.Say = phone.Sine(low, 120) })
	bob, desk := d.person(t, 0, "Bob", nil)
	d.policy(t, bob, map[string]any{"dnd": true, "voicemail": map[string]any{"trusted": true}})
	k := d.onDisk(t, &d.switches[0], d.folder(0))
	d.switches[0].launch(t, d.dir, d.log)
	d.switchStarted(t, 0)
	leaves(t, dial(t, from, bob.number.Dial), 2)
	d.inbox(t, bob.user, 1, 0)

	out := dial(t, from, bob.number.Dial)
	recording(t, out, 3)
	k.fill(t)
	hearsClip(t, out, "en/vm-full")
	out.HangUp()
	over(t, out)
	out = dial(t, from, bob.number.Dial)
	saw(t, out, phone.Answered)
	hearsClip(t, out, "en/vm-full")
	out.HangUp()
	over(t, out)
	own := dial(t, desk, "*97") // what is there can be heard
	saw(t, own, phone.Answered)
	hearsTone(t, low, own.Heard)
	own.HangUp()
	over(t, own)

	k.free(t)
	readyAgain(t, d.metrics[0])
	leaves(t, dial(t, from, bob.number.Dial), 2)
	until(t, func() string {
		m, err := d.Client.Mailbox(soon(t), bob.user.ID, "")
		if err != nil || m.New+m.Old < 2 {
			return fmt.Sprintf("%+v, %v", m, err)
		}
		return ""
	})
	d.checkLedger(t)
}
