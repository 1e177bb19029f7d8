package stack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

const revoked = "revoked" // state of a node that lost its trust, for good

// enrolledAs is the node that a role's folder is enrolled as; "" if it is not, or not to its end.
func enrolledAs(folder string) (string, error) {
	id, err := enrol.Load(filepath.Join(folder, "identity"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return id.Node, nil
}

// ownSwitch finds the switch that a folder is enrolled as. If the registry has it no more, or it was revoked and is to be replaced,
// the folder is put aside, and the switch is another one, which enrols.
func (s *Stack) ownSwitch(site rest.Site, folder string) (rest.Switch, error) {
	own, err := enrolledAs(folder)
	if err != nil {
		return rest.Switch{}, err
	}
	var was rest.Switch
	if own != "" {
		was, err = s.Client.Switches().Get(s.ctx, own)
		switch {
		case errs.CodeOf(err) == errs.NotFound: // it was removed: nothing used it
		case err != nil || was.State != revoked:
			return was, err
		case !s.cfg.Replace:
			return was, irrevocable("switch", was.Name, ", which takes over its phones")
		}
	}
	now, err := s.newSwitch(rest.Switch{Name: "switch-" + site.Code, Site: site.ID, Pool: was.Pool}, own == "")
	if err != nil || own == "" {
		return now, err
	}
	if err := s.takeOver(own, now.ID); err != nil {
		return now, err
	}
	if was.Name != "" {
		s.Replaced = append(s.Replaced, fmt.Sprintf("switch %s was revoked, %s has its place: restart desk phones, or have them register again", was.Name, now.Name))
	}
	return now, os.Rename(folder, folder+"."+own)
}

// Owns says whether a switch is that of the stack in a data folder.
func Owns(data string, sw rest.Switch) bool {
	own, err := enrolledAs(switchFolder(data, sw.Site))
	return err == nil && own == sw.ID
}

func switchFolder(data, site string) string { return filepath.Join(data, "switch-"+site) }

func irrevocable(kind, name, and string) error {
	return errs.New(errs.Revoked, "%s %s of this office was revoked, which is for good: start once with --replace-revoked to have a new one%s", kind, name, and)
}

// newSwitch returns a switch of a site that has not enrolled, or makes one. At a start that was cut off it may have enrolled as
// well, without that its folder knows.
func (s *Stack) newSwitch(v rest.Switch, cutOff bool) (rest.Switch, error) {
	taken := map[string]bool{}
	for have, err := range s.Client.Switches().All(s.ctx, nil) {
		if err != nil || have.Site == v.Site && (have.State == "new" || cutOff && have.State != revoked && !have.Live) {
			return have, err
		}
		taken[have.Name] = true
	}
	v.Name = free(v.Name, taken)
	return s.Client.Switches().Create(s.ctx, v)
}

// free is a name that is not taken: nodes that were revoked keep theirs.
func free(name string, taken map[string]bool) string {
	for n, first := 2, name; taken[name]; n++ {
		name = fmt.Sprint(first, "-", n)
	}
	return name
}

// takeOver gives the phones and users of a switch to another one.
func (s *Stack) takeOver(from, to string) error {
	for d, err := range s.Client.Devices().All(s.ctx, rest.Filter{"switch": from}) {
		if err == nil {
			_, err = s.Client.Devices().Update(s.ctx, d.ID, d.Version, map[string]any{"switch": to})
		}
		if err != nil {
			return err
		}
	}
	for u, err := range s.Client.Users().All(s.ctx, rest.Filter{"home_switch": from}) {
		if err == nil {
			_, err = s.Client.Users().Update(s.ctx, u.ID, u.Version, map[string]any{"home_switch": to})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Stack) bridgeFolder(id string) string { return filepath.Join(s.cfg.Data, "bridge-"+id) }

// ownBridge finds the bridge of a name that this stack has a folder of, or makes one, which enrols. The first of a stack may have
// another name since its first start.
func (s *Stack) ownBridge(name string) (rest.Bridge, error) {
	taken, lost := map[string]bool{}, ""
	for b, err := range s.Client.Bridges().All(s.ctx, nil) {
		if err != nil {
			return b, err
		}
		_, err = os.Stat(s.bridgeFolder(b.ID))
		own := err == nil && (b.Name == name || len(s.bridges) == 0)
		switch {
		case b.State != revoked && (own || b.State == "new" && b.Name == name):
			return b, nil
		case b.State == revoked && own:
			lost = b.Name
		}
		taken[b.Name] = true
	}
	if lost != "" && !s.cfg.Replace {
		return rest.Bridge{}, irrevocable("bridge", lost, "")
	}
	return s.Client.Bridges().Create(s.ctx, rest.Bridge{Name: free(name, taken)})
}
