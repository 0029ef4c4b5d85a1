package hostnet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// sysctlRoot resolves in the network namespace of the calling thread.
const sysctlRoot = "/proc/sys/net"

// readSysctl returns a value below net, such as ipv4/conf/vnet0/arp_ignore.
func readSysctl(key string) (string, error) {
	b, err := os.ReadFile(filepath.Join(sysctlRoot, key))
	if err != nil {
		return "", fmt.Errorf("read sysctl net/%s: %w", key, err)
	}
	return strings.TrimSpace(string(b)), nil
}

func writeSysctl(key, value string) error {
	f, err := os.OpenFile(filepath.Join(sysctlRoot, key), os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("set sysctl net/%s to %s (is /proc/sys writable?): %w", key, value, err)
	}
	_, err = f.WriteString(value)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("set sysctl net/%s to %s: %w", key, value, err)
	}
	return nil
}

// sysctl is one wanted value of a device: conf/DEVICE/key of a family.
type sysctl struct {
	family, key, value string
}

func (s sysctl) path(device string) string {
	return filepath.Join(s.family, "conf", device, s.key)
}

// readDevice returns the present values of the wanted sysctls by their path
// below conf/DEVICE. A family that the kernel does not have is left out.
func readDevice(device string, wanted []sysctl) (map[string]string, error) {
	values := make(map[string]string, len(wanted))
	for _, s := range wanted {
		value, err := readSysctl(s.path(device))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		values[s.family+"/"+s.key] = value
	}
	return values, nil
}

// writeDevice sets the wanted sysctls, skipping a family that the kernel does
// not have.
func writeDevice(device string, wanted []sysctl) error {
	for _, s := range wanted {
		err := writeSysctl(s.path(device), s.value)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
