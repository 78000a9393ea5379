"""Reads files by range and writes them whole, in local folders and on remote stores.

Reading order: paths, regular, overlap, writing, listing, blocks, together, identity, remote, http_range, patience,
segments, lines, cache.
"""

from curate.storage.identity import listed as listed
from curate.storage.overlap import join as join
from curate.storage.overlap import names_below as names_below
from curate.storage.overlap import relative as relative
from curate.storage.paths import EXTRAS as EXTRAS
from curate.storage.paths import absolute as absolute
from curate.storage.paths import check_writable as check_writable
from curate.storage.paths import checked as checked
from curate.storage.paths import content as content
from curate.storage.paths import contents as contents
from curate.storage.paths import draft as draft
from curate.storage.paths import entries as entries
from curate.storage.paths import facts as facts
from curate.storage.paths import glob as glob
from curate.storage.paths import is_draft as is_draft
from curate.storage.paths import is_remote as is_remote
from curate.storage.paths import local as local
from curate.storage.paths import make_folder as make_folder
from curate.storage.paths import names as names
from curate.storage.paths import need as need
from curate.storage.paths import notice as notice
from curate.storage.paths import one_line as one_line
from curate.storage.paths import opened as opened
from curate.storage.paths import path as path
from curate.storage.paths import publish as publish
from curate.storage.paths import remove as remove
from curate.storage.paths import rename as rename
from curate.storage.paths import sizes as sizes
from curate.storage.paths import sizes_of as sizes_of
from curate.storage.paths import sizes_there as sizes_there
from curate.storage.paths import source as source
from curate.storage.paths import sources as sources
from curate.storage.paths import stamp as stamp
from curate.storage.paths import uri as uri
from curate.storage.regular import check_file as check_file
from curate.storage.regular import check_name as check_name
