package sg

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"lablab/say"
)

// Permissions parses a list of permissions in the form that the AWS CLI's --ip-permissions takes,
// into one rule per source. A single permission needs no list around it (README of the AWS CLI). It
// rejects the same input as reading a file does.
func Permissions(text string) ([]Rule, error) {
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		text = "[" + text + "]"
	}
	var list []types.IpPermission
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) && wrong.Field == "" {
			return nil, say.New("read permissions: not a list of JSON objects")
		}
		return nil, say.Errorf("read permissions: %w", err)
	}
	if len(list) == 0 {
		return nil, say.New("read permissions: the list is empty")
	}
	file, err := json.Marshal(map[string]any{"SecurityGroups": []any{map[string]any{"GroupId": "sg-0", "IpPermissions": list}}})
	if err != nil {
		return nil, say.Errorf("read permissions: %w", err)
	}
	var account Account
	if err := account.Read("permissions", bytes.NewReader(file)); err != nil {
		return nil, err
	}
	return account.Groups[0].Ingress, nil
}
