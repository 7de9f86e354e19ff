package cli

import (
	"net"
	"os"

	"lablab/internal/control"
	"lablab/internal/web"
	"lablab/ns"
	"lablab/say"
)

// A website is the page of --web, served by the lab's process; nil serves none.
type website struct {
	listener net.Listener
	site     *web.Site
}

// listenWeb opens the socket of --web in the machine's own network namespace. A process in a user
// namespace cannot do that, so it gets the open socket.
func (f upFlags) listenWeb() (*website, error) {
	if f.web == "" {
		return nil, nil
	}
	var listener net.Listener
	var err error
	if ns.IsRootless() {
		file := ns.Passed(0)
		listener, err = net.FileListener(file)
		_ = file.Close()
	} else {
		listener, err = net.Listen("tcp", f.web)
	}
	if err != nil {
		return nil, &usageError{say.Errorf("serve the page: %w", err), say.F("choose another port of 127.0.0.1, or let lablab choose: --web")}
	}
	return &website{listener: listener, site: web.NewSite(listener)}, nil
}

// files returns the files that another process needs to serve the page instead of this one.
func (w *website) files() []*os.File {
	if w == nil {
		return nil
	}
	file, err := w.listener.(*net.TCPListener).File()
	if err != nil {
		return nil // that process reports that it got no file
	}
	return []*os.File{file}
}

func (w *website) url() string {
	if w == nil {
		return ""
	}
	return w.site.URL()
}

// serve serves the page, with the public part of the lab's API.
func (w *website) serve(server *control.Server) error {
	if w == nil {
		return nil
	}
	return w.site.Serve(server.Public())
}

func (w *website) close() error {
	if w == nil {
		return nil
	}
	return w.site.Close()
}
