package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"strowger/pkg/datafolder"
	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

// connection is the flags that every command has.
type connection struct {
	Cloud        string `help:"Address of the cloud, https://HOST[:PORT]." env:"STROWGER_CLOUD" placeholder:"URL"`
	Key          string `name:"key" help:"API key. Better in the environment or by login: others can see a command line." env:"STROWGER_API_KEY" placeholder:"sk_..."`
	Organization string `help:"Organization (name or id), when there are several." short:"o" env:"STROWGER_ORGANIZATION" placeholder:"ORG"`
	Data         string `help:"Folder where up keeps its data and login the account. Default: ${default}." env:"STROWGER_DATA" default:"${state}" type:"path" placeholder:"DIR"`
	JSON         bool   `name:"json" help:"Print for programs."`
}

// account is how to reach a cloud, as kept in a file of the data folder that only its owner can read.
type account struct {
	Cloud string `json:"cloud"`
	Key   string `json:"key"`
	First bool   `json:"first,omitempty"` // up has not yet told of it: no start came to its end
}

const accountFile = "client.json"

// save writes the account in one step, so that no reader sees half of it.
func (a account) save(dir string) error {
	b, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return fmt.Errorf("encode account: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return datafolder.Replace(filepath.Join(dir, accountFile), append(b, '\n'), 0o600)
}

func loadAccount(dir string) (a account, err error) {
	path := filepath.Join(dir, accountFile)
	b, err := os.ReadFile(path)
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(b, &a); err != nil {
		return a, fmt.Errorf("%s: %w; remove it and log in again", path, err)
	}
	return a, nil
}

// account is what the flags, the environment or else the file say.
func (e *env) account() (account, error) {
	a := account{Cloud: e.Cloud, Key: e.Key}
	if a.Cloud != "" && a.Key != "" {
		return a, nil
	}
	if a.Cloud != "" {
		if err := a.checkCloud(); err != nil {
			return a, err
		}
	}
	kept, err := loadAccount(e.Data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return a, errs.New(errs.Invalid, "which cloud? Run \"strowger login URL KEY\" once, or set STROWGER_CLOUD and STROWGER_API_KEY")
	case err != nil:
		return a, err
	case a.Cloud != "" && a.Cloud != kept.Cloud:
		return a, errs.New(errs.Invalid, "the API key for %s is missing: set STROWGER_API_KEY", a.Cloud) // never show a key to another cloud
	case a.Key == "":
		a.Key = kept.Key
	}
	a.Cloud = kept.Cloud
	return a, nil
}

// client returns a client that trusts the cloud whose key made the API key, or that the system's roots vouch for.
func (a account) client() (rest.Client, error) {
	if err := a.checkCloud(); err != nil {
		return rest.Client{}, err
	}
	_, pin, err := enrol.ParseAPIKey(a.Key)
	if err != nil {
		return rest.Client{}, err
	}
	return rest.Client{BaseURL: a.Cloud, Key: a.Key, HTTP: enrol.Trust{Pin: pin, SystemRoots: true}.Client()}, nil
}

func (a account) checkCloud() error {
	u, err := url.Parse(a.Cloud)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return errs.New(errs.Invalid, "cloud address %q: want https://HOST[:PORT]", a.Cloud)
	}
	return nil
}

// connect makes the client ready.
func (e *env) connect() error {
	a, err := e.account()
	if err != nil {
		return err
	}
	if e.client, err = a.client(); err != nil {
		return err
	}
	if e.Organization == "" {
		return nil
	}
	if ident.KindOf(e.Organization) != ident.Organization {
		org, err := organizations().find(e, e.Organization)
		if err != nil {
			return err
		}
		e.Organization = org.ID
	}
	e.client.Organization = e.Organization
	return nil
}

type loginCommand struct {
	URL string `arg:"" help:"Address of the cloud, https://HOST[:PORT]."`
	Key string `arg:"" name:"api-key" help:"API key, sk_..."`
}

func (*loginCommand) unconnected() {}

// Run tries the account before it keeps it.
func (c *loginCommand) Run(e *env) error {
	a := account{Cloud: c.URL, Key: c.Key}
	client, err := a.client()
	if err != nil {
		return err
	}
	if _, err := client.Organizations().Page(e.ctx, nil, 1, ""); err != nil {
		return err
	}
	if err := a.save(e.Data); err != nil {
		return fmt.Errorf("keep the account: %w", err)
	}
	e.say("Logged in to %s; the account is in %s.\n", a.Cloud, filepath.Join(e.Data, accountFile))
	return nil
}
