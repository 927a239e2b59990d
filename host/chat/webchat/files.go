package webchat

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// upload is a file as it arrived.
type upload struct {
	id, name, kind string
	data           []byte
}

// text says whether the file is text that an event can carry.
func (u *upload) text() bool {
	return len(u.data) <= maxBody && utf8.Valid(u.data) && bytes.IndexByte(u.data, 0) < 0
}

// readUploads reads the files of a form.
func (a *Adapter) readUploads(form *multipart.Form) ([]upload, error) {
	if form == nil {
		return nil, nil
	}
	var out []upload
	for _, h := range form.File["file"] {
		if h.Size == 0 && h.Filename == "" {
			continue // a file input left empty
		}
		if len(out) == maxFiles {
			return nil, fail(413, "file.many", maxFiles)
		}
		if h.Size > maxFile {
			return nil, fail(413, "file.large", maxFile>>20)
		}
		f, err := h.Open()
		if err != nil {
			return nil, fmt.Errorf("read upload: %w", err)
		}
		data, err := io.ReadAll(io.LimitReader(f, maxFile))
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("read upload: %w", err)
		}
		name := fileName(h.Filename)
		out = append(out, upload{id: newMemberID() + newMemberID(), name: name, kind: fileType(name, data), data: data})
	}
	return out, nil
}

// fileName is the last part of a path from either kind of system, made
// harmless.
func fileName(s string) string {
	s = s[strings.LastIndexAny(s, `/\`)+1:]
	s, ok := line(s)
	if s = strings.Trim(s, ". "); !ok || s == "" {
		return "file"
	}
	ext := path.Ext(s)
	if len(ext) > 12 {
		ext = ""
	}
	return chat.Cut(strings.TrimSuffix(s, ext), 80) + ext
}

var textTypes = map[string]string{
	".go": "text/x-go", ".md": "text/markdown", ".txt": "text/plain", ".log": "text/plain", ".csv": "text/csv",
	".json": "application/json", ".toml": "application/toml", ".yaml": "application/yaml", ".yml": "application/yaml",
	".mod": "text/plain", ".sum": "text/plain", ".diff": "text/x-diff", ".patch": "text/x-diff",
}

// fileType trusts what the bytes look like, and the name only among texts.
func fileType(name string, data []byte) string {
	t, _, _ := strings.Cut(http.DetectContentType(data), ";")
	if strings.HasPrefix(t, "text/") && utf8.Valid(data) {
		if named := textTypes[strings.ToLower(path.Ext(name))]; named != "" {
			return named
		}
		return "text/plain"
	}
	return t
}

// pictures are the types shown in place. SVG is none: it can carry scripts.
var pictures = map[string]bool{"image/png": true, "image/jpeg": true, "image/gif": true, "image/webp": true}

// keepParts writes the bytes of files before the message that names them.
func (a *Adapter) keepParts(ctx context.Context, files []upload) error {
	if len(files) == 0 {
		return nil
	}
	size := int64(0)
	for _, f := range files {
		size += int64(len(f.data))
	}
	if err := a.read(ctx, func(v *view) error {
		n, err := v.counter(bytesKey)
		if err == nil && n+size > a.limits.Files {
			err = fail(507, "file.full")
		}
		return err
	}); err != nil {
		return err
	}
	for _, f := range files {
		for n := 0; n*blobPart < len(f.data); n++ {
			var b store.Batch
			b.Put(blobKey(f.id, n), f.data[n*blobPart:min(len(f.data), (n+1)*blobPart)])
			if _, err := a.st.Commit(ctx, &b); err != nil {
				return fmt.Errorf("keep file: %w", err)
			}
		}
	}
	return nil
}

const headLines, headBytes = 12, 1 << 10

// attach writes the rows that name the files of d.
func (t *tx) attach(d draft, id messageID) ([]fileRef, error) {
	var refs []fileRef
	for _, f := range d.files {
		ref := fileRef{ID: f.id, Name: f.name, Type: f.kind, Size: int64(len(f.data))}
		if f.text() {
			ref.Head, ref.Rest = head(string(f.data))
		}
		ref.Wide, ref.High = pictureSize(f.kind, f.data)
		refs = append(refs, ref)
		row := fileRow{Conv: d.conv, Msg: id.String(), Name: f.name, Type: f.kind, Size: ref.Size,
			Parts: (len(f.data) + blobPart - 1) / blobPart, Time: t.now.UnixMilli()}
		if err := t.put(fileKey(f.id), row); err != nil {
			return nil, err
		}
		t.b.Add(bytesKey, ref.Size)
	}
	return refs, nil
}

// head is how a text begins, and how many lines more it has; one that is shown
// in part counts.
func head(s string) (string, int) {
	s = strings.TrimRight(s, "\n")
	lines := strings.Split(s, "\n")
	first := strings.Join(lines[:min(len(lines), headLines)], "\n")
	if len(first) > headBytes {
		first = strings.ToValidUTF8(first[:headBytes], "")
		return first, len(lines) - strings.Count(first, "\n")
	}
	return first, len(lines) - min(len(lines), headLines)
}

// dropFile forgets a file with its message. Its parts go with the next sweep,
// which drops what no row names.
func (t *tx) dropFile(f fileRef) {
	t.b.Delete(fileKey(f.ID))
	t.b.Add(bytesKey, -f.Size)
}

// eventFiles are refs as an event has them, with the text of those of uploads
// that are text.
func (t *tx) eventFiles(refs []fileRef, uploads []upload) []abi.File {
	var out []abi.File
	for i, r := range refs {
		f := abi.File{Name: r.Name, Type: r.Type, Size: r.Size, URL: t.a.base + fileURL(r.ID, r.Name)}
		if i < len(uploads) && uploads[i].text() {
			f.Body = string(uploads[i].data)
		}
		out = append(out, f)
	}
	return out
}

func fileURL(id, name string) string { return "/chat/files/" + id + "/" + url.PathEscape(name) }

// serveFile answers with a file to who may see the message it hangs on.
func (a *Adapter) serveFile(w http.ResponseWriter, r *http.Request, me *visitor) error {
	var f fileRow
	var data []byte // all of it: a slow browser must not keep a snapshot open
	if err := a.read(r.Context(), func(v *view) (err error) {
		f, data, err = v.file(r.PathValue("id"), me.id)
		return err
	}); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Cache-Control", "private, max-age=86400")
	h.Set("Content-Length", strconv.Itoa(len(data)))
	switch {
	case pictures[f.Type]:
		h.Set("Content-Type", f.Type)
		h.Set("Content-Disposition", "inline")
	case strings.HasPrefix(f.Type, "text/"):
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("Content-Disposition", disposition(f.Name))
	default:
		h.Set("Content-Type", "application/octet-stream")
		h.Set("Content-Disposition", disposition(f.Name))
	}
	_, _ = w.Write(data) // an error says that the browser has gone
	return nil
}

// file is a file that member may see.
func (v *view) file(id, member string) (f fileRow, data []byte, err error) {
	if err := must(v.get(fileKey(id), &f)); err != nil {
		return f, nil, err
	}
	if _, err := v.place(f.Conv, member); err != nil {
		return f, nil, err
	}
	mid, _ := parseID(f.Msg)
	if m, err := v.message(f.Conv, mid); err != nil {
		return f, nil, err
	} else if !m.visible(member) {
		return f, nil, errNotFound
	}
	data = make([]byte, 0, f.Size)
	for n := range f.Parts {
		row, err := v.snap.Get(v.ctx, blobKey(id, n))
		if err != nil {
			return f, nil, fmt.Errorf("read file %s: %w", id, err)
		}
		data = append(data, row.Value...)
	}
	return f, data, nil
}

// disposition names the file in the form of RFC 6266, which keeps quotes and
// line ends out of the header.
func disposition(name string) string {
	return "attachment; filename*=UTF-8''" + strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
}
