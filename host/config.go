package host

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/hearthbot/hearth/sdk/abi"
)

// ErrConfig says that a config does not fit its plugin's schema.
var ErrConfig = errors.New("host: the plugin's config is not acceptable")

// CheckConfig says why a config (JSON, nil for none) does not fit the plugin of
// a manifest; it wraps ErrConfig, or ErrManifest if the schema itself is bad.
func CheckConfig(m *abi.Manifest, config []byte) error {
	_, err := mergeConfig(m, config)
	return err
}

// checkConfig holds a config against the manifest's JSON Schema. The schema is
// the plugin's, so it may refer to nothing outside itself.
func checkConfig(m *abi.Manifest, config []byte) error {
	if len(m.Schema) == 0 {
		if string(config) != "{}" {
			return fmt.Errorf("%w: plugin %s has no settings", ErrConfig, m.Name)
		}
		return nil
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(m.Schema))
	if err != nil {
		return fmt.Errorf("%w: schema: %v", ErrManifest, err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(noLoader{})
	const name = "hearth:config"
	if err := c.AddResource(name, doc); err != nil {
		return fmt.Errorf("%w: schema: %v", ErrManifest, err)
	}
	schema, err := c.Compile(name)
	if err != nil {
		return fmt.Errorf("%w: schema: %v", ErrManifest, err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(config))
	if err != nil {
		return fmt.Errorf("%w: %v", ErrConfig, err)
	}
	if err := schema.Validate(value); err != nil {
		return newConfigError(m.Name, err)
	}
	return nil
}

// noLoader lets a schema fetch nothing.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("a plugin's schema cannot refer to %s", url)
}
