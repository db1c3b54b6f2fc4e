--= UNKNOWN	
--= INVALID	Invalid
--= NOT_FOUND	NotFound
--= ALREADY_EXISTS	AlreadyExists
--= PERMISSION_DENIED	PermissionDenied
--= UNAVAILABLE	Unavailable
--= INTERNAL	Internal
--= CANCELED	Canceled
--= CONFLICT	Conflict
--= TIMEOUT	Timeout
--= RATE_LIMITED	RateLimited
--= userdata	text	true	text	nil	nil	true	4
--= Conflict	m	false	1	true
--= 1	Odd	nil
--= false	bad field 'message' of errors.new (string expected, got nil)
--= false	bad field 'message' of errors.new (string expected)
--= false	bad field 'message' of errors.new (string expected)
--= false	bad field 'kind' of errors.new (string expected)
--= false	bad field 'retryable' of errors.new (boolean expected)
--= false	bad field 'details' of errors.new (table expected)
--= false	bad field 'details' of errors.new (keys must be strings)
--= false	cannot send a function
--= false	bad argument #1 to 'new' (string or table expected, got no value)
--= false	bad argument #1 to 'new' (string or table expected, got number)
--= false	bad argument #1 to 'new' (string or table expected, got function)
--= base	NotFound	true	1	true	true
--= plain	true
--= base	true
--= false	bad argument #1 to 'wrap' (error or string expected, got no value)
--= false	bad argument #1 to 'wrap' (error or string expected, got nil)
--= false	bad argument #2 to 'wrap' (string expected, got no value)
--= false	bad argument #2 to 'wrap' (string expected, got table)
--= true	true	false
--= false	false	false	false
--= true	nil	nil
--= string	true	errors_module.lua	inner	outer
--= 1	Lua	nil	nil
--= base	base!	?base	basebase	1base	true	false
--= false	attempt to concatenate table with error
--= false	attempt to concatenate nil with error
--= false	attempt to perform arithmetic (add) on userdata and number
--= false	attempt to compare userdata < userdata
--= false	attempt to index userdata with 'x'
--= nil	userdata	false	attempt to call missing method 'nothing' of userdata
--= false	true
--= true
--= true	2	false	nil
--= false	text
--= false	true
--= false	false	false	bad argument #1 to 'message' (error expected, got table)
local function err(f, ...)
    local ok, e = pcall(f, ...)
    return ok, ok and e or string.gsub(tostring(e), "^[%w_]+%.lua:%d+: ", "")
end
for _, name in {
    "UNKNOWN", "INVALID", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "UNAVAILABLE", "INTERNAL", "CANCELED",
    "CONFLICT", "TIMEOUT", "RATE_LIMITED",
} do print(name, errors[name]) end
local e = errors.new("text")
print(type(e), e, e:kind() == errors.UNKNOWN, e:message(), e:retryable(), e:details(), #e:stack() > 0, #e)
e = errors.new({ message = "m", kind = errors.CONFLICT, retryable = false, details = { a = { 1 }, b = "x" } })
print(e:kind(), e:message(), e:retryable(), e:details().a[1], e:details() ~= e:details())
local details = { a = 1 }
e = errors.new({ message = "m", details = details })
details.a = 2
print(e:details().a, errors.new({ message = "m", kind = "Odd" }):kind(), errors.new({ message = "m", details = {} }):details())
for _, bad in {
    {}, { message = 1 }, { message = {} }, { message = "m", kind = 1 }, { message = "m", retryable = 1 },
    { message = "m", details = 1 }, { message = "m", details = { 1 } }, { message = "m", details = { f = print } },
} do print(err(errors.new, bad)) end
print(err(errors.new))
print(err(errors.new, 1))
print(err(errors.new, print))
-- wrapping
local base = errors.new({ message = "base", kind = errors.NOT_FOUND, retryable = true, details = { k = 1 } })
local w = errors.wrap(base, "while loading")
print(w, w:kind(), w:retryable(), w:details().k, w ~= base, string.find(w:stack(), "while loading", 1, true) ~= nil)
print(errors.wrap("plain", "ctx"), errors.wrap("plain", "ctx"):kind() == errors.UNKNOWN)
print(errors.wrap(base, errors.new("ctx")), string.find(errors.wrap(base, errors.new("ctx")):stack(), "ctx", 1, true) ~= nil)
print(err(errors.wrap))
print(err(errors.wrap, nil, "x"))
print(err(errors.wrap, base))
print(err(errors.wrap, base, {}))
-- is and as
print(errors.is(base, errors.NOT_FOUND), errors.is(w, errors.NOT_FOUND), errors.is(base, errors.INVALID))
print(errors.is("x", errors.INVALID), errors.is(nil, errors.INVALID), errors.is({}, errors.UNKNOWN), (pcall(errors.is, base)))
print(errors.as(base) == base, errors.as("x"), errors.as(nil))
-- call stacks
local function inner() return errors.new("deep") end
local function outer() local made = inner() return made end
local frames = errors.call_stack(outer())
print(type(frames.thread), frames.frames[1].line > 0, frames.frames[1].source, frames.frames[1].name, frames.frames[2].name)
print(frames.frames[1].level, frames.frames[1].type, errors.call_stack("x"), errors.call_stack(nil), errors.call_stack())
-- as values
print(tostring(base), base .. "!", "?" .. base, base .. base, 1 .. base, base == base, base == errors.new("base"))
print(err(function() return base .. {} end))
print(err(function() return nil .. base end))
print(err(function() return base + 1 end))
print(err(function() return base < base end))
print(err(function() base.x = 1 end))
print(base.nothing, getmetatable(base), err(function() return base:nothing() end))
local ok, same = pcall(error, base)
print(ok, same == base)
ok, same = pcall(error, base, 2)
print(same == base)
local t = {}
ok, same = pcall(error, t)
print(same == t, select("#", pcall(error)), pcall(error, nil))
print(err(error, "text"))
print(xpcall(error, function(x) return x == base end, base))
print(pcall(base.kind), pcall(base.kind, "x"), pcall(base.message, {}))
