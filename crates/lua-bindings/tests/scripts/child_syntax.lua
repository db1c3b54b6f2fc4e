return { main = function( }
