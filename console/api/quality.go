package api

import (
	"context"
	"net/http"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal/quality"
)

// Quality knows what sources should send, and how they do not.
type Quality interface {
	Contract(source string) (quality.Contracted, error)
}

// SourceStep is what one step of the quality made of a source's rows.
type SourceStep struct {
	Step    string  `json:"step" doc:"With its version: late/1."`
	Text    string  `json:"text" doc:"Which rows it flags."`
	Seen    int64   `json:"seen" doc:"Rows that it has looked at."`
	Flagged int64   `json:"flagged"`
	Changed int64   `json:"changed" doc:"Rows that it altered or set aside: none, it only flags. What stores set aside is in setAside."`
	Share   float64 `json:"share" doc:"Flagged of the rows of the last 15 s or 5 minutes, whichever is more."`
}

// SourceContract is what a source should send, and how it does not.
type SourceContract struct {
	Agreed   *fact.Contract   `json:"agreed,omitempty" doc:"That a person has agreed to; absent: there is none."`
	Inferred *fact.Contract   `json:"inferred,omitempty" doc:"From what it sends, with a margin; absent: see early."`
	Early    string           `json:"early,omitempty" doc:"Why none can be inferred yet."`
	Breaches []quality.Breach `json:"breaches" doc:"Of the one that was agreed to, most first."`
}

// Agreement is a contract that a person agrees to.
type Agreement struct {
	Contract fact.Contract `json:"contract" doc:"As it was inferred, or with changes."`
	Why      string        `json:"why,omitempty" maxLength:"2000" doc:"For the record. Never required."`
}

func (s *server) qualityRoutes() {
	get(s, "/sources/{name}/contract", "getContract", "What a source should send, and how it does not", func(_ context.Context, in *BySource) (SourceContract, error) {
		c, err := s.Quality.Contract(in.Name)
		return SourceContract(c), err
	})
	route(s, http.MethodPut, "/sources/{name}/contract", "agreeContract", "Hold a source to a contract", func(ctx context.Context, in *struct {
		BySource
		Body Agreement
	}) (fact.Contract, error) {
		if in.Body.Contract.Source != in.Name {
			return fact.Contract{}, &fact.Problem{Where: "contract.source", What: "it is the contract of \"" + in.Body.Contract.Source + "\", not of \"" + in.Name + "\""}
		}
		return s.Desk.Agree(ctx, person(ctx), in.Body.Contract, in.Body.Why)
	})
}
