package api

import "net/http"

// One method for each request that answers with a single JSON value.

func (h *handler) networks(r *http.Request) (any, error) {
	return orEmpty(h.backend.Networks(r.Context()))
}

func (h *handler) network(r *http.Request) (any, error) {
	return h.backend.Network(r.Context(), r.PathValue("network"))
}

func (h *handler) ports(r *http.Request) (any, error) {
	return orEmpty(h.backend.Ports(r.Context(), r.URL.Query().Get("network")))
}

func (h *handler) doctor(r *http.Request) (any, error) {
	return orEmpty(h.backend.Doctor(r.Context()))
}

// doctorUplink sends nothing where it is only read.
func (h *handler) doctorUplink(r *http.Request) (any, error) {
	return orEmpty(h.backend.DoctorUplink(r.Context(), UplinkRequest{Device: r.PathValue("device"), Probe: r.Method == http.MethodPost}))
}

func (h *handler) status(r *http.Request) (any, error) {
	return h.backend.Status(r.Context())
}

func (h *handler) create(r *http.Request) (any, error) {
	var req CreateRequest
	if err := body(r, &req); err != nil {
		return nil, err
	}
	return h.backend.Create(r.Context(), req)
}

func (h *handler) define(r *http.Request) (any, error) {
	var req DefineRequest
	if err := body(r, &req); err != nil {
		return nil, err
	}
	req.Name = r.PathValue("network")
	return h.backend.Define(r.Context(), req)
}

// defineXML is define for a text that has the name in it.
func (h *handler) defineXML(r *http.Request) (any, error) {
	var req DefineRequest
	if err := body(r, &req); err != nil {
		return nil, err
	}
	if req.XML == "" {
		return nil, Errorf(Usage, "request: a definition without a name needs xml")
	}
	return h.backend.Define(r.Context(), req)
}

func (h *handler) dumpXML(r *http.Request) (any, error) {
	return h.backend.DumpXML(r.Context(), r.PathValue("network"), r.URL.Query().Get("inactive") == "true")
}

func (h *handler) undefine(r *http.Request) (any, error) {
	return nil, h.backend.Undefine(r.Context(), r.PathValue("network"))
}

func (h *handler) start(r *http.Request) (any, error) {
	return nil, h.backend.Start(r.Context(), r.PathValue("network"))
}

func (h *handler) stop(r *http.Request) (any, error) {
	return nil, h.backend.Stop(r.Context(), r.PathValue("network"))
}

func (h *handler) restore(r *http.Request) (any, error) {
	return h.backend.Restore(r.Context(), r.PathValue("nic"))
}

func (h *handler) restart(r *http.Request) (any, error) {
	return nil, h.backend.Restart(r.Context(), r.PathValue("network"))
}

func (h *handler) change(r *http.Request) (any, error) {
	var req ChangeRequest
	if err := body(r, &req); err != nil {
		return nil, err
	}
	req.Network = r.PathValue("network")
	return h.backend.Change(r.Context(), req)
}

func (h *handler) definition(r *http.Request) (any, error) {
	return h.backend.Definition(r.Context(), r.PathValue("network"))
}

func (h *handler) addPort(r *http.Request) (any, error) {
	var req AddPortRequest
	if err := body(r, &req); err != nil {
		return nil, err
	}
	req.Network = r.PathValue("network")
	return h.backend.AddPort(r.Context(), req)
}

func (h *handler) deletePort(r *http.Request) (any, error) {
	return nil, h.backend.DeletePort(r.Context(), DeletePortRequest{Network: r.PathValue("network"), Port: r.PathValue("port")})
}

// orEmpty makes an empty list an empty array, never null.
func orEmpty[T any](list []T, err error) (any, error) {
	if list == nil {
		list = []T{}
	}
	return list, err
}
