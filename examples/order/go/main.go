// Adds up orders.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

type item struct {
	Name       string `json:"name"`
	Quantity   int    `json:"quantity"`
	PriceCents int    `json:"priceCents"`
}

type order struct {
	Customer      string `json:"customer"`
	Items         []item `json:"items"`
	PreparationMs int    `json:"preparationMs"`
}

type receipt struct {
	Customer   string `json:"customer"`
	TotalCents int    `json:"totalCents"`
	Runtime    string `json:"runtime"`
	RequestID  string `json:"requestId"`
	Function   string `json:"function"`
	Call       int    `json:"call"`
}

// An order without items; its type and message are what the caller sees.
type emptyOrder struct{ customer string }

func (e emptyOrder) Error() string {
	return fmt.Sprintf("the order of %s has no items", e.customer)
}

// Kept between the calls of one environment.
var calls int

func total(in invocation, o order) (receipt, error) {
	calls++
	fmt.Println("order of", o.Customer)
	if len(o.Items) == 0 {
		return receipt{}, emptyOrder{o.Customer}
	}
	time.Sleep(time.Duration(o.PreparationMs) * time.Millisecond)
	sum := 0
	for _, one := range o.Items {
		sum += one.Quantity * one.PriceCents
	}
	release := strings.TrimPrefix(runtime.Version(), "go")
	return receipt{o.Customer, sum, "go " + release, in.requestID, os.Getenv("AWS_LAMBDA_FUNCTION_NAME"), calls}, nil
}

func main() {
	serve(total)
}
