# SPDX-License-Identifier: Apache-2.0
#
# Writes OUTPUT, a C file with the text of each of FILES under its base name,
# as embedded.h declares it.
set(code "#include \"playbooks/embedded.h\"\n\n")
set(table "")
set(index 0)
foreach(file ${FILES})
  get_filename_component(name ${file} NAME)
  file(READ ${file} bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(REGEX REPLACE "((0x..,){12})" "\\1\n\t" bytes "${bytes}")
  string(APPEND code
    "static const char file_${index}[] = {\n\t${bytes} 0x00\n};\n\n")
  string(APPEND table
    "\t{ \"${name}\", file_${index}, sizeof file_${index} - 1 },\n")
  math(EXPR index "${index} + 1")
endforeach()
string(APPEND code
  "const struct embedded_file embedded_files[] = {\n${table}"
  "\t{ NULL, NULL, 0 }\n};\n")
file(WRITE ${OUTPUT} "${code}")
