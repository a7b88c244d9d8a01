// Calls Bedrock with the AWS SDK for Go. It signs with dummy keys and sends the gateway token as the session token.
//
// It reads one call as JSON from standard input and prints its result as JSON.
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
	var request call
	if err := json.NewDecoder(os.Stdin).Decode(&request); err != nil {
		fmt.Fprintln(os.Stderr, "no call on standard input:", err)
		os.Exit(2)
	}
	outcome, err := perform(request)
	if err != nil {
		outcome = map[string]any{"error": describeError(err)}
	}
	json.NewEncoder(os.Stdout).Encode(outcome)
}

func perform(request call) (map[string]any, error) {
	ctx := context.Background()
	client := newClient(request)
	model, messages := aws.String(request.Model), conversation(request.Prompt)
	if request.Operation == "answer" {
		response, err := client.Converse(ctx, &bedrockruntime.ConverseInput{ModelId: model, Messages: messages})
		if err != nil {
			return nil, err
		}
		message := response.Output.(*types.ConverseOutputMemberMessage).Value
		return map[string]any{"answer": message.Content[0].(*types.ContentBlockMemberText).Value}, nil
	}
	response, err := client.ConverseStream(ctx, &bedrockruntime.ConverseStreamInput{ModelId: model, Messages: messages})
	if err != nil {
		return nil, err
	}
	stream := response.GetStream()
	defer stream.Close()
	pieces := []string{}
	for event := range stream.Events() {
		delta, ok := event.(*types.ConverseStreamOutputMemberContentBlockDelta)
		if !ok {
			continue
		}
		pieces = append(pieces, delta.Value.Delta.(*types.ContentBlockDeltaMemberText).Value)
		if len(pieces) == request.AbortAfter {
			return map[string]any{"pieces": pieces}, nil
		}
	}
	return map[string]any{"pieces": pieces}, stream.Err()
}

func newClient(request call) *bedrockruntime.Client {
	return bedrockruntime.New(bedrockruntime.Options{
		Region:           "us-east-1",
		BaseEndpoint:     aws.String(request.URL),
		RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{
				AccessKeyID:     "AKIACLIENT",
				SecretAccessKey: "the-clients-own-secret-key",
				SessionToken:    request.Token,
			}, nil
		}),
		APIOptions: []func(*middleware.Stack) error{func(stack *middleware.Stack) error {
			return stack.Finalize.Insert(addHeaders(request.Headers), "Signing", middleware.After)
		}},
	})
}

func addHeaders(headers map[string]string) middleware.FinalizeMiddleware {
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

func describeError(err error) failure {
	result := failure{Name: fmt.Sprintf("%T", err), Message: err.Error()}
	var api smithy.APIError
	if errors.As(err, &api) {
		name := fmt.Sprintf("%T", api)
		result.Name, result.Message = name[strings.LastIndex(name, ".")+1:], api.ErrorMessage()
	}
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		result.Status = response.HTTPStatusCode()
	}
	return result
}
