local fs = require("fs")
local time = require("time")

local function show(value, err)
    if err then
        return string.format("%s: %s", err:kind(), err:message())
    end
    return value
end

local function names(vol, path)
    local found = {}
    for _, item in assert(vol:readdir(path)) do
        table.insert(found, item.name .. (item.is_dir and "/" or ""))
    end
    return table.concat(found, " ")
end

local function main()
    -- Which volume
    print(show(fs.get("app:dta")))
    print(show(fs.get("app:main")))
    print(show(fs.get("app:missing"):readfile("a")))
    print(show(fs.get("app:missing"):exists("a")))
    local texts, vol = fs.get("app:texts"), fs.get("app:data")

    -- What others have written
    local scanner = texts:open("lines.txt"):scanner()
    while scanner:scan() do
        print("[" .. scanner:text() .. "]")
    end
    print(names(texts, "/"), texts:stat("lines.txt").size, texts:stat(".").type)

    -- Files as a whole
    print(names(vol, "."), vol:writefile("a", "one"), vol:readfile("a"), vol:writefile("/a", ""), vol:readfile("a") == "")
    local bytes = {}
    for byte = 0, 255 do
        table.insert(bytes, string.char(byte))
    end
    local all = string.rep(table.concat(bytes), 1000)
    print(vol:writefile("bytes", all), vol:readfile("bytes") == all, vol:stat("bytes").size)
    local age = time.now():unix() - vol:stat("bytes").modified
    print(age > -5 and age < 60)
    print(names(vol, "/"))

    -- Folders
    print(vol:mkdir("sub/"), show(vol:mkdir("sub")), show(vol:mkdir("no/where")), show(vol:mkdir("/")))
    print(vol:mkdir("sub/deeper"), vol:writefile("sub/deeper/b", "b"), names(vol, "sub"), names(vol, "//sub/./deeper/"))
    print(vol:readfile("sub/deeper/../../sub//deeper/b"), vol:exists("sub/deeper/"), vol:exists("sub/x"), vol:exists("a/b"))
    print(show(vol:remove("sub")))
    print(show(vol:remove("sub/deeper/b")), show(vol:remove("sub/deeper/")), show(vol:remove("sub")), vol:exists("sub"))
    vol:mkdir("sub")

    -- What does not go
    print(show(vol:readfile("nothing")))
    print(show(vol:open("nothing")))
    print(show(vol:open("no/thing", "w")))
    print(show(vol:open("a/b", "w")))
    print(show(vol:open("sub")))
    print(show(vol:open("sub", "w")))
    print(show(vol:open("new/", "w")))
    print(show(vol:readfile("sub")))
    print(show(vol:writefile("sub", "")))
    print(show(vol:writefile("/", "")))
    print(show(vol:readdir("a")))
    print(show(vol:readdir("nothing")))
    print(show(vol:stat("nothing")))
    print(show(vol:remove("nothing")))
    print(show(vol:remove("/")))
    for _, path in { "..", "../data/a", "/../a", "sub/../../x", "sub/../.." } do
        print(show(vol:stat(path)))
    end
    print(show(vol:stat(string.rep("x", 300))):sub(1, 40))
    print(show(vol:stat(string.rep("x/", 3000))):sub(-29))

    -- Streams
    local stream = vol:open("log", "w+")
    print(stream:write("one\n"), stream:write("two\n"), stream:flush(), stream:seek("set", 0), stream:read(), stream:read())
    print(stream:seek("end", -4), stream:read(), stream:seek("cur", 1000), stream:write("!"), stream:seek())
    local info = stream:stat()
    print(info.size, info.position, info.readable, info.writable, info.seekable)
    print(show(stream:seek("cur", -2000)))
    print(stream:close(), show(stream:read()))
    stream = vol:open("log", "a+")
    print(stream:seek("set", 2), stream:write("end"), stream:stat().size, stream:seek("end", -4), stream:read())
    print(show(vol:open("log", "r"):write("x")), show(vol:open("log", "r"):flush()), show(vol:open("log", "a"):read(1)))
    stream = vol:open("log", "r+")
    print(stream:write("ONE"), vol:open("log"):read(8), vol:open("log", "w"):stat().size, vol:stat("log").size)

    -- A file that was removed or replaced is there for whoever has it open
    vol:writefile("kept", "before")
    stream = vol:open("kept")
    print(vol:writefile("kept", "after"), stream:read(), vol:readfile("kept"), vol:remove("kept"))

    -- What is written as a whole is read as a whole, whoever writes at the same time
    vol:writefile("shared", string.rep("a", 100000))
    process.spawn_monitored("app:child", "app:processes", "shared", "a")
    process.spawn_monitored("app:child", "app:processes", "shared", "b")
    local events, left = process.events(), 2
    while left > 0 do
        local text = assert(vol:readfile("shared"))
        assert(#text == 100000 and text == string.rep(text:sub(1, 1), 100000))
        local chosen = channel.select({ events:case_receive(), default = true })
        if not chosen.default then
            assert(not chosen.value.error, chosen.value.error)
            left -= 1
        end
    end
    print(names(vol, "/"))
end

return { main = main }
