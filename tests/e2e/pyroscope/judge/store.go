package main

import (
	"net/http"
	"sync"
	"time"
)

// Report is what a test reads.
type Report struct {
	Requests []Request `json:"requests"`
	Series   []Series  `json:"series"`
	// What the limits refused, as answered; and what the server would take but quietly change.
	Refusals []string `json:"refusals"`
	Warnings []string `json:"warnings"`
}

// Request is one HTTP request to the push path, refused ones included. Status 0: the connection was closed.
type Request struct {
	Status        int               `json:"status"`
	ContentLength int64             `json:"content_length"`
	Headers       map[string]string `json:"headers"`
	UnixMillis    int64             `json:"unix_ms"`
}

// Series is one stored series with one profile.
type Series struct {
	Labels  map[string]string `json:"labels"`
	Profile Profile           `json:"profile"`
}

// Profile is a pprof as google/pprof reads it.
type Profile struct {
	UncompressedBytes int               `json:"uncompressed_bytes"`
	SampleTypes       []string          `json:"sample_types"` // "cpu/nanoseconds"
	PeriodType        string            `json:"period_type"`
	Period            int64             `json:"period"`
	DefaultType       string            `json:"default_sample_type"`
	TimeNanos         int64             `json:"time_nanos"`
	DurationNanos     int64             `json:"duration_nanos"`
	Samples           int               `json:"samples"`
	Totals            []int64           `json:"totals"` // one per sample type
	Mappings          []string          `json:"mappings"`
	Functions         map[string]int64  `json:"functions"` // inclusive, in the last sample type
	SampleLabels      map[string]string `json:"sample_labels"`
	Comments          []string          `json:"comments"`
}

type store struct {
	mutex sync.Mutex
	now   Report
}

func newStore() *store {
	s := &store{}
	s.reset()
	return s
}

func (s *store) reset() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.now = Report{Requests: []Request{}, Series: []Series{}, Refusals: []string{}, Warnings: []string{}}
}

func (s *store) report() Report {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	copied := s.now
	return copied
}

func (s *store) add(checked checkedSeries) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.now.Series = append(s.now.Series, checked.series...)
	s.now.Warnings = append(s.now.Warnings, checked.warnings...)
}

func (s *store) addRefusal(err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.now.Refusals = append(s.now.Refusals, err.Error())
}

func (s *store) addRequest(r *http.Request, status int, started time.Time) {
	headers := map[string]string{}
	for name := range r.Header {
		headers[name] = r.Header.Get(name)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.now.Requests = append(s.now.Requests,
		Request{Status: status, ContentLength: r.ContentLength, Headers: headers, UnixMillis: started.UnixMilli()})
}
