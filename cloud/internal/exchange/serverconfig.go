package exchange

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"text/template"

	"strowger/pkg/fabric"
)

// routesAbove is how far above the port for clients the port is on which the servers of a cluster reach each other: 6222
// beside 4222, the usual ones.
const routesAbove = 2000

// ServerConfig is the configuration of one external NATS server.
type ServerConfig struct {
	Name    string   // unique in the cluster
	Address string   // "host:port" of this server
	Cluster []string // "host:port" of every server, this one too; one or none: no cluster
	// Files in PEM: the server's certificate of the root, its key, and the root.
	Certificate, Key, Root string
}

// Write writes the configuration in the language of nats-server.
func (c ServerConfig) Write(w io.Writer, keys Keys) error {
	_, port, err := routePort(c.Address)
	if err != nil {
		return err
	}
	values := map[string]any{
		"Server": c, "Listen": port - routesAbove, "Routes": port, "MaxPayload": fabric.MaxReply,
		"Issuer": keys.issuer.public, "Cloud": keys.cloud.public, "Guard": keys.guard.public, "System": keys.system.public,
		"TrafficAccount": trafficAccount, "CalloutAccount": calloutAccount, "SystemAccount": systemAccount,
		"TLSTimeout": tlsTimeout.Seconds(), "AuthTimeout": authTimeout.Seconds(), "PingInterval": pingInterval, "PingsOut": pingsOut,
		"WriteDeadline": writeDeadline, "Password": keys.route,
	}
	var peers []string
	if len(c.Cluster) > 1 {
		for _, a := range c.Cluster {
			host, port, err := routePort(a)
			if err != nil {
				return err
			}
			peers = append(peers, net.JoinHostPort(host, strconv.Itoa(port)))
		}
	}
	values["Peers"] = peers
	return serverTemplate().Execute(w, values)
}

// routePort is where other servers reach the server at an address for clients.
func routePort(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("address %q of a NATS server: want host:port: %w", address, err)
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 || n+routesAbove > 65535 {
		return "", 0, fmt.Errorf("address %q of a NATS server: want a port from 1 to %d, servers reach each other on the one %d above", address, 65535-routesAbove, routesAbove)
	}
	return host, int(n) + routesAbove, nil
}

func serverTemplate() *template.Template {
	return template.Must(template.New("nats-server.conf").Parse(`# A NATS server of a Strowger installation: {{.Server.Address}}. For nats-server 2.10 or newer.
# Written by "cloud --fabric-config"; write it again rather than change it.

server_name: "{{.Server.Name}}"
port: {{.Listen}}
max_payload: {{.MaxPayload}}
ping_interval: "{{.PingInterval}}"
ping_max: {{.PingsOut}}
write_deadline: "{{.WriteDeadline}}"

# Every client shows a certificate of this installation's root; switches get theirs when they enrol.
tls {
  cert_file: "{{.Server.Certificate}}"
  key_file: "{{.Server.Key}}"
  ca_file: "{{.Server.Root}}"
  verify: true
  min_version: "1.3"
  timeout: {{.TLSTimeout}}
}

# The cloud decides who may do what, and signs it by the issuer's key.
authorization {
  timeout: {{.AuthTimeout}}
  auth_callout {
    issuer: {{.Issuer}}
    account: {{.CalloutAccount}}
    auth_users: [ {{.Cloud}}, {{.Guard}}, {{.System}} ]
  }
}

accounts {
  {{.TrafficAccount}} { users: [ { nkey: {{.Cloud}} } ] }
  {{.CalloutAccount}} { users: [ { nkey: {{.Guard}} } ] }
  {{.SystemAccount}} { users: [ { nkey: {{.System}} } ] }
}
system_account: {{.SystemAccount}}
{{- if .Peers}}

# The password keeps switches out, whose certificates are of the same root. It is the same on every server, and a secret.
cluster {
  name: "strowger"
  port: {{.Routes}}
  no_advertise: true
  authorization { user: "route", password: "{{.Password}}", timeout: {{.AuthTimeout}} }
  tls {
    cert_file: "{{.Server.Certificate}}"
    key_file: "{{.Server.Key}}"
    ca_file: "{{.Server.Root}}"
    verify: true
    min_version: "1.3"
    timeout: {{.TLSTimeout}}
  }
  routes: [
  {{- range .Peers}}
    "nats-route://route:{{$.Password}}@{{.}}"
  {{- end}}
  ]
}
{{- end}}
`))
}
