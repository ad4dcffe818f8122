// A client of `make test-clients`. It repeats a command and prints what it saw, as tests/clients/README.md says.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"math/rand"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

type saw struct {
	Admitted int64    `json:"admitted"`
	Denied   int64    `json:"denied"`
	Settled  int64    `json:"settled"`
	Shapes   []string `json:"shapes"`
}

func shape(reply interface{}) string {
	switch reply := reply.(type) {
	case nil:
		return "nil"
	case int64:
		return "int"
	case string:
		return "string"
	case []interface{}:
		parts := make([]string, len(reply))
		for i, part := range reply {
			parts[i] = shape(part)
		}
		return "[" + strings.Join(parts, ",") + "]"
	default:
		return fmt.Sprintf("%T", reply)
	}
}

func main() {
	seconds, err := strconv.ParseFloat(os.Args[1], 64)
	check(err)
	pauseMs, err := strconv.Atoi(os.Args[2])
	check(err)
	command := make([]interface{}, len(os.Args)-3)
	for i, word := range os.Args[3:] {
		command[i] = word
	}
	options, err := redis.ParseURL(os.Getenv("REDIS_URL"))
	check(err)
	options.Protocol, err = strconv.Atoi(os.Getenv("REDIS_PROTOCOL"))
	check(err)
	options.ReadTimeout = 90 * time.Second
	ctx := context.Background()
	r := redis.NewClient(options)
	check(r.Ping(ctx).Err())
	fmt.Println("ready")
	_, err = bufio.NewReader(os.Stdin).ReadString('\n')
	check(err)

	total := saw{}
	shapes := map[string]bool{}
	end := time.Now().Add(time.Duration(seconds * float64(time.Second)))
	for time.Now().Before(end) {
		reply, err := r.Do(ctx, command...).Slice()
		check(err)
		shapes[shape(reply)] = true
		if reply[0].(int64) == 1 {
			total.Admitted++
		} else {
			total.Denied++
		}
		if command[0] == "RL.QUOTA" && reply[4] != nil {
			settled, err := r.Do(ctx, "RL.SETTLE", command[1], reply[4], "COST", "tokens", 40).Int64()
			check(err)
			total.Settled += settled
		}
		time.Sleep(time.Duration(rand.Intn(pauseMs+1)) * time.Millisecond)
	}
	for shape := range shapes {
		total.Shapes = append(total.Shapes, shape)
	}
	sort.Strings(total.Shapes)
	line, err := json.Marshal(total)
	check(err)
	fmt.Println(string(line))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
