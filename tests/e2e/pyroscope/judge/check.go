package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"connectrpc.com/connect"
	"github.com/google/pprof/profile"
	googlev1 "github.com/grafana/pyroscope/api/gen/proto/go/google/v1"
	pushv1 "github.com/grafana/pyroscope/api/gen/proto/go/push/v1"
	"google.golang.org/protobuf/proto"
)

// The server's default limits.
const (
	maxLabels        = 30
	maxLabelName     = 1024
	maxLabelValue    = 2048
	maxProfileBytes  = 4 << 20
	maxSamples       = 16000
	maxSampleLabels  = 100
	maxStackDepth    = 1000
	oldestAccepted   = time.Hour
	furthestAccepted = 10 * time.Minute
)

var (
	labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
	buildID   = regexp.MustCompile(`^[a-fA-F0-9]{2,40}$`)
)

type checkedSeries struct {
	series   []Series
	warnings []string
}

func refuse(format string, arguments ...any) error {
	return connect.NewError(connect.CodeInvalidArgument, fmt.Errorf(format, arguments...))
}

func checkSeries(series *pushv1.RawProfileSeries, limiter *limiter, now time.Time) (checkedSeries, error) {
	var checked checkedSeries
	labels, labelBytes, warnings, err := checkLabels(series)
	if err != nil {
		return checked, err
	}
	checked.warnings = warnings
	if len(series.Samples) == 0 {
		return checked, refuse("series without a profile")
	}
	for _, sample := range series.Samples {
		raw, err := uncompress(sample.RawProfile)
		if err != nil {
			return checked, refuse("profile: %v", err)
		}
		if len(raw) > maxProfileBytes {
			return checked, refuse("profile of %d bytes, the limit is %d", len(raw), maxProfileBytes)
		}
		if !limiter.allow(len(raw)+labelBytes, now) {
			return checked, connect.NewError(connect.CodeResourceExhausted,
				fmt.Errorf("rate limit: %d bytes, burst %d", len(raw)+labelBytes, burstBytes))
		}
		warnings, err := checkRaw(raw, now)
		if err != nil {
			return checked, err
		}
		checked.warnings = append(checked.warnings, warnings...)
		parsed, err := profile.ParseData(raw)
		if err != nil {
			return checked, refuse("google/pprof: %v", err)
		}
		checked.series = append(checked.series, Series{Labels: labels, Profile: describe(parsed, len(raw))})
	}
	return checked, nil
}

func checkLabels(series *pushv1.RawProfileSeries) (map[string]string, int, []string, error) {
	labels := map[string]string{}
	size := 0
	var warnings []string
	if len(series.Labels) > maxLabels {
		return nil, 0, nil, refuse("%d labels, the limit is %d", len(series.Labels), maxLabels)
	}
	for _, pair := range series.Labels {
		_, twice := labels[pair.Name]
		switch {
		case twice:
			return nil, 0, nil, refuse("label %q twice", pair.Name)
		case len(pair.Name) > maxLabelName || len(pair.Value) > maxLabelValue:
			return nil, 0, nil, refuse("label %.40q of %d+%d bytes", pair.Name, len(pair.Name), len(pair.Value))
		case !utf8.ValidString(pair.Value):
			return nil, 0, nil, refuse("label %q is not UTF-8", pair.Name)
		case !labelName.MatchString(pair.Name):
			warnings = append(warnings, fmt.Sprintf("label name %q is listed to few clients", pair.Name))
		case strings.HasPrefix(pair.Name, "__") && pair.Name != "__name__":
			warnings = append(warnings, fmt.Sprintf("label name %q is internal", pair.Name))
		case pair.Value == "":
			warnings = append(warnings, fmt.Sprintf("label %q is empty", pair.Name))
		}
		labels[pair.Name] = pair.Value
		size += len(pair.Name) + len(pair.Value)
	}
	if labels["__name__"] == "" {
		return nil, 0, nil, refuse("no __name__")
	}
	if labels["service_name"] == "" {
		warnings = append(warnings, "no service_name")
	}
	return labels, size, warnings, nil
}

func uncompress(raw []byte) ([]byte, error) {
	if len(raw) < 2 || raw[0] != 0x1f || raw[1] != 0x8b {
		return raw, nil
	}
	reader, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(reader, 64<<20))
}

// What the server checks on the messages themselves, before any reader has mended them.
func checkRaw(raw []byte, now time.Time) ([]string, error) {
	var p googlev1.Profile
	if err := proto.Unmarshal(raw, &p); err != nil { // refuses invalid UTF-8 as well
		return nil, refuse("protobuf: %v", err)
	}
	if len(p.StringTable) == 0 || p.StringTable[0] != "" {
		return nil, refuse("string_table[0] is not empty")
	}
	if len(p.SampleType) == 0 {
		return nil, refuse("no sample type")
	}
	text := func(index int64) string {
		if index < 0 || index >= int64(len(p.StringTable)) {
			return "<out of range>"
		}
		return p.StringTable[index]
	}
	for _, sampleType := range p.SampleType {
		if strings.Contains(text(sampleType.Type), "-") {
			return nil, refuse("sample type %q has a \"-\" in it", text(sampleType.Type))
		}
	}
	if len(p.Sample) > maxSamples {
		return nil, refuse("%d samples, the limit is %d", len(p.Sample), maxSamples)
	}
	if p.TimeNanos != 0 {
		age := now.Sub(time.Unix(0, p.TimeNanos))
		if age > oldestAccepted || age < -furthestAccepted {
			return nil, refuse("profile of %v ago", age)
		}
	}
	var warnings []string
	if p.TimeNanos == 0 || p.DurationNanos == 0 {
		warnings = append(warnings, "profile without time or duration")
	}
	symbolized := map[uint64]bool{}
	for _, mapping := range p.Mapping {
		if mapping.Id == 0 {
			return nil, refuse("mapping id 0")
		}
		symbolized[mapping.Id] = mapping.HasFunctions
		if id := text(mapping.BuildId); id != "" && !buildID.MatchString(id) {
			warnings = append(warnings, fmt.Sprintf("build id %q", id))
		}
	}
	for _, function := range p.Function {
		if function.Id == 0 {
			return nil, refuse("function id 0")
		}
	}
	for _, location := range p.Location {
		if location.Id == 0 {
			return nil, refuse("location id 0")
		}
		if len(location.Line) == 0 && symbolized[location.MappingId] {
			warnings = append(warnings, fmt.Sprintf("address of location %d is lost: its mapping has functions", location.Id))
		}
		for _, line := range location.Line {
			if line.FunctionId == 0 {
				return nil, refuse("line with function id 0")
			}
		}
	}
	for _, sample := range p.Sample {
		if len(sample.Value) != len(p.SampleType) {
			return nil, refuse("%d values for %d sample types", len(sample.Value), len(p.SampleType))
		}
		if len(sample.Label) > maxSampleLabels {
			return nil, refuse("sample with %d labels", len(sample.Label))
		}
		if len(sample.LocationId) > maxStackDepth {
			warnings = append(warnings, fmt.Sprintf("stack of %d frames is cut", len(sample.LocationId)))
		}
		positive := false
		for _, value := range sample.Value {
			positive = positive || value > 0
		}
		if !positive {
			warnings = append(warnings, "sample without a positive value")
		}
		for _, label := range sample.Label {
			switch key := text(label.Key); {
			case label.Str == 0:
				warnings = append(warnings, fmt.Sprintf("number label %q is removed", key))
			case key != "span_id" && key != "trace_id" && key != "profile_id":
				warnings = append(warnings, fmt.Sprintf("sample label %q makes a series of each value", key))
			}
		}
	}
	return warnings, nil
}

func describe(p *profile.Profile, size int) Profile {
	out := Profile{
		UncompressedBytes: size, Period: p.Period, DefaultType: p.DefaultSampleType, TimeNanos: p.TimeNanos,
		DurationNanos: p.DurationNanos, Samples: len(p.Sample), Totals: make([]int64, len(p.SampleType)),
		Mappings: []string{}, Functions: map[string]int64{}, SampleLabels: map[string]string{}, Comments: p.Comments,
	}
	if p.PeriodType != nil {
		out.PeriodType = p.PeriodType.Type + "/" + p.PeriodType.Unit
	}
	for _, sampleType := range p.SampleType {
		out.SampleTypes = append(out.SampleTypes, sampleType.Type+"/"+sampleType.Unit)
	}
	for _, mapping := range p.Mapping {
		out.Mappings = append(out.Mappings, mapping.File)
	}
	for _, sample := range p.Sample {
		for i, value := range sample.Value {
			out.Totals[i] += value
		}
		seen := map[string]bool{}
		for _, location := range sample.Location {
			for _, line := range location.Line {
				if name := line.Function.Name; !seen[name] {
					seen[name] = true
					out.Functions[name] += sample.Value[len(sample.Value)-1]
				}
			}
		}
		for key, values := range sample.Label {
			out.SampleLabels[key] = strings.Join(values, ",")
		}
	}
	return out
}
