package main

import (
	"archive/tar"
	"os"
	"strings"
	"time"
)

func main() {
	w := tar.NewWriter(os.Stdout)
	add := func(h tar.Header, body string) {
		h.Format = tar.FormatPAX
		h.Size = int64(len(body))
		if h.ModTime.IsZero() {
			h.ModTime = time.Unix(1700000000, 0)
		}
		if err := w.WriteHeader(&h); err != nil {
			panic(err)
		}
		w.Write([]byte(body))
	}
	add(tar.Header{Typeflag: tar.TypeDir, Name: "plain/", Mode: 0755}, "")
	add(tar.Header{Typeflag: tar.TypeReg, Name: "plain/f", Mode: 0644}, "x")
	add(tar.Header{Typeflag: tar.TypeDir, Name: "\u00fcml\u00e4ut/", Mode: 0755}, "")
	add(tar.Header{Typeflag: tar.TypeDir, Name: "\u00fcml\u00e4ut/s\u00fcb/", Mode: 0755}, "")
	add(tar.Header{Typeflag: tar.TypeReg, Name: "\u00fcml\u00e4ut/s\u00fcb/f", Mode: 0644}, "x")
	add(tar.Header{Typeflag: tar.TypeReg, Name: strings.Repeat("n", 99) + "/" + "f", Mode: 0644}, "x")
	add(tar.Header{Typeflag: tar.TypeReg, Name: strings.Repeat("d/", 49) + "e/f", Mode: 0644}, "x")
	add(tar.Header{Typeflag: tar.TypeDir, Name: strings.Repeat("l", 110) + "/", Mode: 0755}, "")
	add(tar.Header{Typeflag: tar.TypeSymlink, Name: "s", Linkname: strings.Repeat("t/", 60), Mode: 0777}, "")
	add(tar.Header{Typeflag: tar.TypeReg, Name: "far", Uid: 3000000, Gid: 4000000000, Mode: 0640, ModTime: time.Unix(-5, 0)}, "x")
	add(tar.Header{Typeflag: tar.TypeReg, Name: "cap", Mode: 0755, PAXRecords: map[string]string{"SCHILY.xattr.security.capability": "\x01\x00\x00\x02"}}, "x")
	add(tar.Header{Typeflag: tar.TypeChar, Name: "null", Devmajor: 1, Devminor: 3, Mode: 0666}, "")
	w.Close()
}
