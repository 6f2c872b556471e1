// The judge: a push server made from the official Pyroscope API package. It stores what it is sent, answers as the
// real server's limits would, can be told to misbehave, and shows what it got as JSON.
//
//	judge [--listen 127.0.0.1:0] [--mode ok]
//
// It prints its address as the first line of stdout. GET /judge/report is the Report; POST /judge/mode?set=MODE
// changes the mode; POST /judge/reset forgets everything.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/grafana/pyroscope/api/gen/proto/go/push/v1/pushv1connect"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address; port 0 takes a free one")
	mode := flag.String("mode", "ok", "one of: "+modeNames())
	delay := flag.Duration("delay", 30*time.Second, "how long mode slow waits before it answers")
	flag.Parse()

	store := newStore()
	behaviour := newBehaviour(*delay)
	if err := behaviour.set(*mode); err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	path, handler := pushv1connect.NewPusherServiceHandler(&pusher{store: store, limiter: newLimiter(time.Now())})
	mux.Handle(path, behaviour.wrap(store, handler))
	mux.HandleFunc("GET /judge/report", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(store.report())
	})
	mux.HandleFunc("POST /judge/mode", func(w http.ResponseWriter, r *http.Request) {
		if err := behaviour.set(r.URL.Query().Get("set")); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	mux.HandleFunc("POST /judge/reset", func(http.ResponseWriter, *http.Request) { store.reset() })

	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", listener.Addr())
	log.Fatal((&http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}).Serve(listener))
}
