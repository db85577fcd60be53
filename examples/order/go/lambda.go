package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
)

// The Runtime API with the standard library alone; github.com/aws/aws-lambda-go does the same and more.

type invocation struct{ requestID string }

type failure struct {
	ErrorMessage string   `json:"errorMessage"`
	ErrorType    string   `json:"errorType"`
	StackTrace   []string `json:"stackTrace"`
}

// serve asks for events and answers them until the environment ends.
func serve[I, O any](handler func(invocation, I) (O, error)) {
	api := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	// Waiting for the next event has no time limit.
	client := &http.Client{}
	for {
		next, err := client.Get(api + "next")
		check(err)
		event, err := io.ReadAll(next.Body)
		check(err)
		next.Body.Close()
		in := invocation{requestID: next.Header.Get("Lambda-Runtime-Aws-Request-Id")}
		kind, answer := run(handler, in, event)
		posted, err := client.Post(api+in.requestID+"/"+kind, "application/json", bytes.NewReader(answer))
		check(err)
		io.Copy(io.Discard, posted.Body)
		posted.Body.Close()
	}
}

func run[I, O any](handler func(invocation, I) (O, error), in invocation, event []byte) (string, []byte) {
	var input I
	err := json.Unmarshal(event, &input)
	var output O
	if err == nil {
		output, err = handler(in, input)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "failed:", err)
		answer, _ := json.Marshal(failure{err.Error(), reflect.TypeOf(err).Name(), []string{}})
		return "error", answer
	}
	answer, err := json.Marshal(output)
	check(err)
	return "response", answer
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
