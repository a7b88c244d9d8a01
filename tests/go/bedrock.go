// The AWS SDK, which signs with keys that mean nothing and brings the token as session token.
//
// Takes one call as JSON from its standard input and prints what became of it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

type call struct {
	Operation  string            `json:"operation"`
	URL        string            `json:"url"`
	Token      string            `json:"token"`
	Headers    map[string]string `json:"headers"`
	Prompt     string            `json:"prompt"`
	Model      string            `json:"model"`
	AbortAfter int               `json:"abortAfter"`
}

type failure struct {
	Name    string `json:"name"`
	Status  int    `json:"status"`
	Message string `json:"message"`
}

func main() {
	var asked call
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		fmt.Fprintln(os.Stderr, "no call on the standard input:", err)
		os.Exit(2)
	}
	outcome, err := perform(asked)
	if err != nil {
		outcome = map[string]any{"error": described(err)}
	}
	json.NewEncoder(os.Stdout).Encode(outcome)
}

func perform(asked call) (map[string]any, error) {
	ctx := context.Background()
	client := newClient(asked)
	model, messages := aws.String(asked.Model), conversation(asked.Prompt)
	if asked.Operation == "answer" {
		answer, err := client.Converse(ctx, &bedrockruntime.ConverseInput{ModelId: model, Messages: messages})
		if err != nil {
			return nil, err
		}
		message := answer.Output.(*types.ConverseOutputMemberMessage).Value
		return map[string]any{"answer": message.Content[0].(*types.ContentBlockMemberText).Value}, nil
	}
	answer, err := client.ConverseStream(ctx, &bedrockruntime.ConverseStreamInput{ModelId: model, Messages: messages})
	if err != nil {
		return nil, err
	}
	stream := answer.GetStream()
	defer stream.Close()
	pieces := []string{}
	for event := range stream.Events() {
		delta, ok := event.(*types.ConverseStreamOutputMemberContentBlockDelta)
		if !ok {
			continue
		}
		pieces = append(pieces, delta.Value.Delta.(*types.ContentBlockDeltaMemberText).Value)
		if len(pieces) == asked.AbortAfter {
			return map[string]any{"pieces": pieces}, nil
		}
	}
	return map[string]any{"pieces": pieces}, stream.Err()
}

func newClient(asked call) *bedrockruntime.Client {
	return bedrockruntime.New(bedrockruntime.Options{
		Region:           "us-east-1",
		BaseEndpoint:     aws.String(asked.URL),
		RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{
				AccessKeyID:     "AKIACLIENT",
				SecretAccessKey: "the-clients-own-secret-key",
				SessionToken:    asked.Token,
			}, nil
		}),
		APIOptions: []func(*middleware.Stack) error{func(stack *middleware.Stack) error {
			return stack.Finalize.Insert(adding(asked.Headers), "Signing", middleware.After)
		}},
	})
}

func adding(headers map[string]string) middleware.FinalizeMiddleware {
	return middleware.FinalizeMiddlewareFunc("FurtherHeaders", func(
		ctx context.Context, input middleware.FinalizeInput, next middleware.FinalizeHandler,
	) (middleware.FinalizeOutput, middleware.Metadata, error) {
		for name, value := range headers {
			input.Request.(*smithyhttp.Request).Header.Set(name, value)
		}
		return next.HandleFinalize(ctx, input)
	})
}

func conversation(prompt string) []types.Message {
	text := &types.ContentBlockMemberText{Value: prompt}
	return []types.Message{{Role: types.ConversationRoleUser, Content: []types.ContentBlock{text}}}
}

func described(err error) failure {
	seen := failure{Name: fmt.Sprintf("%T", err), Message: err.Error()}
	var api smithy.APIError
	if errors.As(err, &api) {
		name := fmt.Sprintf("%T", api)
		seen.Name, seen.Message = name[strings.LastIndex(name, ".")+1:], api.ErrorMessage()
	}
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		seen.Status = response.HTTPStatusCode()
	}
	return seen
}
